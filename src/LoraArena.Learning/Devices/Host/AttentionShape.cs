using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Devices.Host;

// B sequences, T tokens, H query heads, G key and value heads, K head size.

/// <summary>The sizes of an attention and what its tokens see; hands each head to the kernels, on as many threads as libtorch has.</summary>
internal sealed class AttentionShape
{
    private readonly IReadOnlyList<int>? _lengths;

    /// <param name="queries">Shape of the queries, [B, H, T, K].</param>
    /// <param name="groups">G.</param>
    /// <param name="lengths">Real tokens of each sequence; null where all are.</param>
    /// <param name="causal">True if a token sees itself and those before it alone.</param>
    /// <param name="window">How many of those it sees; null for all.</param>
    /// <param name="scale">What scores are multiplied by.</param>
    public AttentionShape(long[] queries, long groups, IReadOnlyList<int>? lengths, bool causal, int? window, float scale)
    {
        (Batch, Heads, Tokens, HeadSize) = ((int)queries[0], (int)queries[1], (int)queries[2], (int)queries[3]);
        (Groups, _lengths, Causal, Window, Scale) = ((int)groups, lengths, causal, window ?? int.MaxValue, scale);
    }

    /// <summary>B.</summary>
    public int Batch { get; }

    /// <summary>H.</summary>
    public int Heads { get; }

    /// <summary>G.</summary>
    public int Groups { get; }

    /// <summary>T.</summary>
    public int Tokens { get; }

    /// <summary>K.</summary>
    public int HeadSize { get; }

    /// <summary>True if a token sees itself and those before it alone.</summary>
    public bool Causal { get; }

    /// <summary>How many of those it sees, itself among them.</summary>
    public int Window { get; }

    /// <summary>What scores are multiplied by.</summary>
    public float Scale { get; }

    /// <summary>The context, [B, H, T, K], of which the heads of a token lie side by side.</summary>
    /// <param name="q">Queries.</param>
    /// <param name="k">Keys.</param>
    /// <param name="v">Values.</param>
    /// <param name="logSumBHT">Where the logarithm of each softmax's denominator goes; null for nowhere.</param>
    public unsafe Tensor Forward(Tensor q, Tensor k, Tensor v, Tensor? logSumBHT)
    {
        var context = Result(Heads);
        var (qs, ks, vs, os) = (new HeadRows(q), new HeadRows(k), new HeadRows(v), new HeadRows(context));
        var sums = logSumBHT is null ? null : TensorPointer.Of(logSumBHT);
        var each = Heads / Groups;
        Each(Batch * Heads, index =>
        {
            var (b, h) = Math.DivRem(index, Heads);
            AttentionForward.Run(
                this, Length(b), qs.Of(b, h), ks.Of(b, h / each), vs.Of(b, h / each), os.Of(b, h), sums is null ? null : sums + ((nint)index * Tokens));
        });
        Keep(q, k, v);
        return context;
    }

    /// <summary>The gradients of queries, keys and values.</summary>
    public unsafe IReadOnlyList<Tensor> Backward(Tensor q, Tensor k, Tensor v, Tensor context, Tensor logSumBHT, Tensor gradient)
    {
        var (dq, dk, dv) = (Result(Heads, zero: true), Result(Groups), Result(Groups));
        var (qs, ks, vs, os, gs) = (new HeadRows(q), new HeadRows(k), new HeadRows(v), new HeadRows(context), new HeadRows(gradient));
        var (dqs, dks, dvs) = (new HeadRows(dq), new HeadRows(dk), new HeadRows(dv));
        var sums = TensorPointer.Of(logSumBHT);
        var each = Heads / Groups;
        Each(Batch * Groups, index =>
        {
            var (b, g) = Math.DivRem(index, Groups);
            var heads = new QueryHead[each];
            for (var i = 0; i < each; i++)
            {
                var h = (g * each) + i;
                heads[i] = new QueryHead(qs.Of(b, h), os.Of(b, h), gs.Of(b, h), dqs.Of(b, h), sums + ((((nint)b * Heads) + h) * Tokens));
            }

            AttentionBackward.Run(this, Length(b), ks.Of(b, g), vs.Of(b, g), dks.Of(b, g), dvs.Of(b, g), heads);
        });
        Keep(q, k, v, context, logSumBHT, gradient);
        return [dq, dk, dv];
    }

    private int Length(int sequence) => _lengths?[sequence] ?? Tokens;

    // Rows of padding are written by nobody.
    private Tensor Result(int heads, bool zero = false)
    {
        long[] shape = [Batch, Tokens, heads, HeadSize];
        return (zero || _lengths is not null ? zeros(shape, ScalarType.Float32, CPU) : empty(shape, ScalarType.Float32, CPU)).transpose(1, 2);
    }

    // The kernels know addresses alone.
    private static void Keep(params Tensor[] read) => GC.KeepAlive(read);

    private static void Each(int count, Action<int> run)
    {
        var threads = Math.Min(count, get_num_threads());
        if (threads > 1) Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = threads }, run);
        else for (var index = 0; index < count; index++) run(index);
    }
}
