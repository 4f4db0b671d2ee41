using LoraArena.Core.Runs;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

/// <summary>
/// OLoRA: LoRA that starts with the first r columns and rows of the weight's QR factors, so that B is orthonormal. Büyükakyüz 2024, arXiv:2406.01775.
/// </summary>
public sealed class Olora : LoraFamily<OloraOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "olora", "OLoRA", "LoRA that starts from the orthonormal factor of each weight.", "arXiv:2406.01775", PeftType: "LORA", ParameterFormula: "r · (I + O)")
    {
        Group = VariantGroup.Start,
        Cost = "A QR decomposition of each weight at the start, then none.",
        LearningRateFactor = 0.25,
        MovesBase = true,
    };
}

/// <summary>LoRA's options, started from QR.</summary>
public sealed record OloraOptions : LoraOptions
{
    /// <summary>OLoRA's defaults.</summary>
    public OloraOptions() => (InitLoraWeights, LoraAlpha, LoraDropout) = ("olora", 16, 0);
}

/// <summary>B = the first columns of Q and A = the first rows of R, of W = Q R.</summary>
internal sealed class OloraStart : LoraStart
{
    public override string Name => "olora";

    public override bool MovesBase => true;

    public override void Set(IReadOnlyList<LoraLayer> layers, LoraOptions options, StartingData data)
    {
        foreach (var layer in layers)
        {
            using var scope = NewDisposeScope();
            var (shape, rank) = (layer.Site.Shape, layer.Rank);
            if (rank > shape.Narrow) throw new OptionException($"olora needs a rank of at most {shape.Narrow} at {shape.Path}; r is {rank}.");
            var (q, r) = linalg.qr(layer.Site.Weight.Value.to(ScalarType.Float32));
            layer.StartFrom(r.narrow(0, 0, rank), q.narrow(1, 0, rank));
        }
    }
}

/// <summary>PEFT's orthogonal start: A and B both are random with B A = 0, as each takes other rows of one orthogonal matrix. The rank must be even.</summary>
internal sealed class OrthogonalStart : SeededStart
{
    private const double Size = 0.1;

    public override string Name => "orthogonal";

    public override string PeftName => "orthogonal";

    public override void CheckRank(int rank)
    {
        if (rank % 2 != 0)
        {
            throw new OptionException(FormattableString.Invariant($"init_lora_weights orthogonal needs an even rank, as A and B take half of the directions each; it is {rank}."));
        }
    }

    public override (Tensor A, Tensor B) Draw(SiteShape site, int rank)
    {
        var (q, _) = linalg.qr(randn([rank, rank], ScalarType.Float32, CPU));
        var halves = q.view(rank / 2, 2, rank);
        var a = mm(randn([site.InFeatures, rank / 2], ScalarType.Float32, CPU), halves.select(1, 0)).t() * Size;
        var b = mm(randn([site.OutFeatures, rank / 2], ScalarType.Float32, CPU), halves.select(1, 1)) * Size;
        return (a, b);
    }
}
