using System.ComponentModel.DataAnnotations;
using LoraArena.Core.Runs;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// R rank, I features in, O features out.

/// <summary>
/// CorDA: LoRA that starts with singular triplets of the weight as the data sees it, W C with the covariance C of the layer's inputs. Yang et al.
/// 2024, arXiv:2406.05223.
/// </summary>
public sealed class Corda : LoraFamily<CordaOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "corda", "CorDA", "LoRA that starts with what the weight does to this data most, or least.", "arXiv:2406.05223", PeftType: "LORA",
        ParameterFormula: "r · (I + O)")
    {
        Group = VariantGroup.Start,
        Cost = "Some batches at the start and a decomposition of each weight, then none.",
        LearningRateFactor = 0.25,
        MovesBase = true,
    };
}

/// <summary>LoRA's options, and which triplets are taken.</summary>
public sealed record CordaOptions : LoraOptions
{
    /// <summary>CorDA's defaults: lora_alpha equals r.</summary>
    public CordaOptions() => (InitLoraWeights, LoraAlpha, LoraDropout) = ("corda", 16, 0);

    /// <summary>ipm takes the r largest triplets, for the best fit to this task; kpm the r smallest, which keeps what the model knows.</summary>
    [AllowedValues("ipm", "kpm")]
    public string CordaMethod { get; init; } = "ipm";

    /// <summary>Batches of the first epoch whose inputs make the covariance.</summary>
    [Range(1, 4096)]
    public int StartBatches { get; init; } = 8;
}

/// <summary>A = √(S/s) Vᵀ C⁻¹ and B = U √(S/s) of triplets of W C = U S Vᵀ.</summary>
internal sealed class CordaStart : LoraStart
{
    private const double Damping = 0.01;

    public override string Name => "corda";

    public override bool MovesBase => true;

    public override void Set(IReadOnlyList<LoraLayer> layers, LoraOptions options, StartingData data)
    {
        var own = options as CordaOptions ?? new CordaOptions();
        foreach (var layer in layers.Where(layer => layer.Rank > layer.Site.Shape.Narrow))
        {
            throw new Core.Runs.OptionException($"corda needs a rank of at most {layer.Site.Shape.Narrow} at {layer.Site.Path}, which has no more singular values; r is {layer.Rank}.");
        }

        foreach (var group in StartingData.Groups(layers, layer => 2 * layer.Site.InFeatures * layer.Site.InFeatures))
        {
            var moments = group.ToDictionary(layer => layer.Site, layer => new InputMoments(layer.Site.InFeatures, layer.Site.Weight.Value.device));
            for (var batch = 0; batch < Math.Min(own.StartBatches, data.Batches); batch++)
            {
                data.Inputs(batch, moments.Keys, (site, rows) => moments[site].Add(rows));
            }

            foreach (var layer in group)
            {
                using var seen = moments[layer.Site];
                Start(layer, seen, own.CordaMethod == "ipm");
            }
        }
    }

    private static void Start(LoraLayer layer, InputMoments moments, bool largest)
    {
        using var scope = NewDisposeScope();
        var moment = moments.SecondMoment();
        var covariance = moment + (eye(moment.shape[0], dtype: ScalarType.Float64, device: moment.device) * (Damping * moment.diagonal().mean()));
        var (u, s, vh) = linalg.svd(mm(layer.Site.Weight.Value.to(ScalarType.Float64), covariance), fullMatrices: false);
        var first = largest ? 0 : s.shape[0] - layer.Rank;
        var root = (s.narrow(0, first, layer.Rank) / layer.Scale).sqrt();

        // vh C⁻¹, C symmetric.
        var seen = linalg.solve(covariance, vh.narrow(0, first, layer.Rank).t()).t();
        layer.StartFrom(root.unsqueeze(1) * seen, u.narrow(1, first, layer.Rank) * root);
    }
}
