using System.ComponentModel.DataAnnotations;
using LoraArena.Core.Runs;
using LoraArena.Learning.Devices;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// R rank, I features in, O features out.

/// <summary>
/// LoRA-GA: LoRA that starts along the loss's gradient, so that its first step is close to full fine-tuning's. Wang et al. 2024, arXiv:2407.05000;
/// with the paper's scale (PEFT 0.21 multiplies B by the gradient's singular values besides).
/// </summary>
public sealed class LoraGa : LoraFamily<LoraGaOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "lora-ga", "LoRA-GA", "LoRA that starts along the loss's gradient, so that its first steps are those of full fine-tuning.",
        "arXiv:2407.05000", PeftType: "LORA", ParameterFormula: "r · (I + O)")
    {
        Group = VariantGroup.Start,
        Cost = "Some batches at the start with gradients of whole weights, then none.",
        LearningRateFactor = 0.25,
        MovesBase = true,
    };
}

/// <summary>LoRA's options, and how the gradient makes the start.</summary>
public sealed record LoraGaOptions : LoraOptions
{
    /// <summary>LoRA-GA's defaults.</summary>
    public LoraGaOptions() => (InitLoraWeights, LoraAlpha, LoraDropout) = ("lora-ga", 16, 0);

    /// <summary>Batches of the first epoch whose gradient is averaged.</summary>
    [Range(1, 4096)]
    public int StartBatches { get; init; } = 8;

    /// <summary>
    /// Which singular vectors of the gradient A and B take: ArB2r the first r and the next r, which follows its best approximation of rank
    /// 2r; A2rBr the other way round; ArBr the first r both; random r of the first 2r both.
    /// </summary>
    [AllowedValues("ArB2r", "A2rBr", "ArBr", "random")]
    public string Direction { get; init; } = "ArB2r";

    /// <summary>
    /// Length of the vectors: stable O^(1/4) / √stable_gamma; gd_scale such that a first step of plain gradient descent is that of full
    /// fine-tuning; unit 1; weight_svd the size that the weight's own singular values have.
    /// </summary>
    [AllowedValues("stable", "gd_scale", "unit", "weight_svd")]
    public string Scale { get; init; } = "stable";

    /// <summary>Larger makes the start smaller, where scale is stable.</summary>
    [Range(0.0001, 1_000_000.0)]
    public double StableGamma { get; init; } = 16;
}

/// <summary>A and B along singular vectors of the gradient.</summary>
internal sealed class LoraGaStart : LoraStart
{
    public override string Name => "lora-ga";

    public override bool MovesBase => true;

    public override void Set(IReadOnlyList<LoraLayer> layers, LoraOptions options, StartingData data)
    {
        var own = options as LoraGaOptions ?? new LoraGaOptions();
        foreach (var layer in layers.Where(layer => 2 * layer.Rank > layer.Site.Shape.Narrow))
        {
            throw new Core.Runs.OptionException($"lora-ga needs twice the rank in singular vectors, and {layer.Site.Path} has {layer.Site.Shape.Narrow}; r is {layer.Rank}.");
        }

        var index = 0;
        foreach (var group in StartingData.Groups(layers, layer => layer.Site.Weight.Count))
        {
            using var scope = NewDisposeScope();
            var gradients = Gradients(group, Math.Min(own.StartBatches, data.Batches), data);
            for (var i = 0; i < group.Count; i++) Start(group[i], gradients[i], own, data.Seed, index++);
        }
    }

    // The gradient of the mean loss by each weight. No weight is moved before all of the group's are known.
    private static List<Tensor> Gradients(IReadOnlyList<LoraLayer> layers, int batches, StartingData data)
    {
        foreach (var layer in layers) layer.Site.Weight.Replace(layer.Site.Weight.Value.detach().requires_grad_());
        for (var batch = 0; batch < batches; batch++) data.Backward(batch);
        var gradients = layers.Select(layer => layer.Site.Weight.Value.grad!.to(ScalarType.Float32) / batches).ToList();
        foreach (var layer in layers) layer.Site.Weight.Replace(layer.Site.Weight.Value.detach());
        return gradients;
    }

    private static void Start(LoraLayer layer, Tensor gradientOI, LoraGaOptions options, long seed, int index)
    {
        using var scope = NewDisposeScope();
        var rank = layer.Rank;
        var (u, _, vh) = LowRank.Svd(gradientOI, 2 * rank, seed, index);
        var (a, b) = options.Direction switch
        {
            "ArB2r" => (vh.narrow(0, 0, rank), u.narrow(1, rank, rank)),
            "A2rBr" => (vh.narrow(0, rank, rank), u.narrow(1, 0, rank)),
            "ArBr" => (vh.narrow(0, 0, rank), u.narrow(1, 0, rank)),
            _ => Some(u, vh, rank, seed, index),
        };

        // Both have length k. With k = 1 / s a step of gradient descent moves s B A by the gradient's part itself.
        var k = options.Scale switch
        {
            "stable" => full([], Math.Pow(layer.Site.OutFeatures, 0.25) / Math.Sqrt(options.StableGamma), ScalarType.Float32, u.device),
            "gd_scale" => full([], 1 / layer.Scale, ScalarType.Float32, u.device),
            "unit" => ones([], ScalarType.Float32, u.device),
            _ => (LowRank.Svd(layer.Site.Weight.Value.to(ScalarType.Float32), rank, seed, index).S.mean() / layer.Scale).sqrt(),
        };
        layer.StartFrom(a * k, b * k);
    }

    private static (Tensor A, Tensor B) Some(Tensor u, Tensor vh, int rank, long seed, int index)
    {
        RandomStreams.Seed(CPU, seed, RandomStreams.Purpose.Initialisation, index, 2);
        var chosen = randperm(2 * rank, ScalarType.Int64, CPU).narrow(0, 0, rank).to(u.device);
        return (vh.index_select(0, chosen), u.index_select(1, chosen));
    }
}
