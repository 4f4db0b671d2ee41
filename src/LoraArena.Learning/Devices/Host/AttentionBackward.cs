using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace LoraArena.Learning.Devices.Host;

/// <summary>The gradients of one key and value head and of the query heads that share it. Weights are computed again, a block of keys and queries at a time.</summary>
internal static unsafe class AttentionBackward
{
    private const int QueryBlock = 64;
    private const int KeyBlock = 256;
    private const int ScoreRow = KeyBlock + HostTile.Columns;

    /// <summary>Computes the rows of real tokens.</summary>
    /// <param name="shape">Sizes, and what a token sees.</param>
    /// <param name="length">Real tokens.</param>
    /// <param name="k">Keys.</param>
    /// <param name="v">Values.</param>
    /// <param name="dk">The gradient of the keys, which is written.</param>
    /// <param name="dv">The gradient of the values, which is written.</param>
    /// <param name="heads">The query heads.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(AttentionShape shape, int length, TokenRows k, TokenRows v, TokenRows dk, TokenRows dv, IReadOnlyList<QueryHead> heads)
    {
        var size = AttentionBlocks.Padded(shape.HeadSize, HostTile.Columns);
        var memory = new AttentionBlocks((2 * size * ScoreRow) + (3 * KeyBlock * size) + (QueryBlock * ((3 * size) + (2 * ScoreRow))) + (heads.Count * length));
        float* kt = memory.Take(size * ScoreRow), vt = memory.Take(size * ScoreRow), ks = memory.Take(KeyBlock * size);
        float* dks = memory.Take(KeyBlock * size), dvs = memory.Take(KeyBlock * size);
        float* qs = memory.Take(QueryBlock * size), gs = memory.Take(QueryBlock * size), dqs = memory.Take(QueryBlock * size);
        float* weights = memory.Take(QueryBlock * ScoreRow), slopes = memory.Take(QueryBlock * ScoreRow), products = memory.Take(heads.Count * length);
        for (var h = 0; h < heads.Count; h++)
        {
            for (var row = 0; row < length; row++) products[(h * length) + row] = HostBlocks.Dot(heads[h].Context[row], heads[h].Gradient[row], shape.HeadSize);
        }

        for (var key = 0; key < length; key += KeyBlock)
        {
            var count = Math.Min(KeyBlock, length - key);
            var padded = AttentionBlocks.Padded(count, HostTile.Columns);
            AttentionBlocks.CopyTransposed(k, key, count, padded, shape.HeadSize, size, kt, ScoreRow, shape.Scale);
            AttentionBlocks.CopyTransposed(v, key, count, padded, shape.HeadSize, size, vt, ScoreRow, 1);
            AttentionBlocks.Copy(k, key, count, padded, shape.HeadSize, size, ks, shape.Scale);
            new Span<float>(dks, padded * size).Clear();
            new Span<float>(dvs, padded * size).Clear();
            for (var h = 0; h < heads.Count; h++)
            {
                var head = heads[h];
                for (var first = shape.Causal ? key / QueryBlock * QueryBlock : 0; first < length; first += QueryBlock)
                {
                    var rows = Math.Min(QueryBlock, length - first);
                    var (begin, end) = AttentionBlocks.Seen(shape, first, rows, length);
                    if (begin >= key + count) break;
                    var wide = AttentionBlocks.Padded(Math.Min(end - key, count), HostTile.Columns);
                    var q = AttentionBlocks.Rows(head.Query, first, rows, shape.HeadSize, size, qs);
                    var g = AttentionBlocks.Rows(head.Gradient, first, rows, shape.HeadSize, size, gs);
                    HostTile.Multiply(q[0], q.Step, 1, kt, ScoreRow, weights, ScoreRow, rows, wide, size);
                    HostTile.Multiply(g[0], g.Step, 1, vt, ScoreRow, slopes, ScoreRow, rows, wide, size);
                    for (var row = 0; row < rows; row++)
                    {
                        var (low, high) = AttentionBlocks.Seen(shape, first + row, 1, length);
                        var (sum, product) = (head.LogSum[first + row], products[(h * length) + first + row]);
                        Weigh(weights + (row * ScoreRow), slopes + (row * ScoreRow), wide, low - key, Math.Min(high - key, count), sum, product);
                    }

                    HostTile.Multiply(weights, 1, ScoreRow, g[0], g.Step, dvs, size, wide, size, rows, dvs, size);
                    HostTile.Multiply(slopes, 1, ScoreRow, q[0], q.Step, dks, size, wide, size, rows, dks, size);
                    HostTile.Multiply(slopes, ScoreRow, 1, ks, size, dqs, size, rows, size, wide);
                    for (var row = 0; row < rows; row++) HostBlocks.Add(dqs + (row * size), head.QueryGradient[first + row], shape.HeadSize);
                }
            }

            for (var row = 0; row < count; row++)
            {
                HostBlocks.Scale(dks + (row * size), dk[key + row], shape.HeadSize, shape.Scale);
                HostBlocks.Scale(dvs + (row * size), dv[key + row], shape.HeadSize, 1);
            }
        }
    }

    // Scores of one query become weights p, and the gradient g of the weights that of the scores, p (g − Σ p g).
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void Weigh(float* scores, float* slopes, int wide, int low, int high, float logSum, float product)
    {
        (low, high) = (Math.Clamp(low, 0, wide), Math.Clamp(high, 0, wide));
        var (shift, mean) = (Vector512.Create(logSum), Vector512.Create(product));
        for (var i = 0; i < wide; i += HostTile.Columns)
        {
            // Of NaN and 0, this gives the second.
            var weight = HostBlocks.Exp(Vector512.MinNative(Vector512<float>.Zero, Vector512.Load(scores + i) - shift));
            weight.Store(scores + i);
            (weight * (Vector512.Load(slopes + i) - mean)).Store(slopes + i);
        }

        Clear(scores, low, high, wide);
        Clear(slopes, low, high, wide);
    }

    private static void Clear(float* row, int low, int high, int wide)
    {
        new Span<float>(row, Math.Min(low, wide)).Clear();
        if (high < wide) new Span<float>(row + high, wide - high).Clear();
    }
}

/// <summary>One query head: what it read and gave, and where its gradient is added.</summary>
internal sealed unsafe class QueryHead(TokenRows query, TokenRows context, TokenRows gradient, TokenRows queryGradient, float* logSum)
{
    /// <summary>Queries.</summary>
    public TokenRows Query { get; } = query;

    /// <summary>What came out.</summary>
    public TokenRows Context { get; } = context;

    /// <summary>The gradient of what came out.</summary>
    public TokenRows Gradient { get; } = gradient;

    /// <summary>The gradient of the queries.</summary>
    public TokenRows QueryGradient { get; } = queryGradient;

    /// <summary>Logarithm of each softmax's denominator.</summary>
    public float* LogSum { get; } = logSum;
}
