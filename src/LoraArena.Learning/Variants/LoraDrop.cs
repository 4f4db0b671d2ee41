using System.ComponentModel.DataAnnotations;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// L layers, N tokens, R rank, I features in, O features out.

/// <summary>
/// LoRA-drop: a short training on a part of the data shows in which layers LoRA's output is large; these keep a pair of their own, and all other
/// layers of one kind share one. Zhou et al. 2024, arXiv:2402.07721.
/// </summary>
public sealed class LoraDrop : LoraFamily<LoraDropOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "lora-drop", "LoRA-drop", "LoRA whose less important layers share one pair, chosen by what their adapters put out.", "arXiv:2402.07721",
        PeftType: "LORA", ParameterFormula: "r · (I + O) before layers share")
    {
        Group = VariantGroup.LowRank,
        Cost = "A short training at the start, a tenth of the whole unless set; then less optimiser memory.",
    };

    /// <inheritdoc/>
    public override IReadOnlyList<OptionRule> Rules { get; } =
    [
        new("lora-drop", "init_lora_weights that looks at weights or data", "layers that share a pair have no one weight to start from",
            options => LoraStart.Get(((LoraOptions)options).InitLoraWeights) is not SeededStart),
    ];

    /// <inheritdoc/>
    protected override AttachedVariant Hold(PreferenceModel model, LoraDropOptions options, IReadOnlyList<AdapterLayer> layers, long seed)
        => new AttachedLoraDrop(this, options, model, [.. layers.Cast<LoraLayer>()]);

    /// <summary>The layers that keep a pair of their own: the fewest whose shares of the importance add up to the threshold.</summary>
    /// <param name="importance">Mean squared norm of each adapter's output.</param>
    /// <param name="threshold">Share of the whole that they must have.</param>
    public static IReadOnlySet<int> Keep(IReadOnlyList<double> importance, double threshold)
    {
        var (total, sum, kept) = (importance.Sum(), 0.0, new HashSet<int>());
        foreach (var i in Enumerable.Range(0, importance.Count).OrderByDescending(i => importance[i]).ThenBy(i => i))
        {
            kept.Add(i);
            sum += importance[i];
            if (threshold < 1 && sum >= threshold * total) break;
        }

        return kept;
    }

    /// <summary>Mean over tokens of ‖s B A x‖² for each layer: with M = BᵀB and h = A x it is the mean of s² hᵀ M h, without any output.</summary>
    /// <param name="layers">The layers.</param>
    /// <param name="data">Training data to look at.</param>
    /// <param name="batches">How many batches are looked at.</param>
    public static IReadOnlyList<double> Importance(IReadOnlyList<LoraLayer> layers, StartingData data, int batches)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var sums = layers.ToDictionary(
            layer => layer.Site,
            layer => new Sums(layer, mm(layer.B.Value.t(), layer.B.Value), zeros([], ScalarType.Float64, data.Model.Device)));
        for (var batch = 0; batch < batches; batch++) data.Inputs(batch, sums.Keys, (site, rowsNI) => sums[site].Add(rowsNI));
        return [.. layers.Select(layer => layer.Scale * layer.Scale * sums[layer.Site].Mean)];
    }

    private sealed class Sums(LoraLayer layer, Tensor gramRR, Tensor sum)
    {
        private long _tokens;

        public double Mean => sum.ToDouble() / Math.Max(1, _tokens);

        public void Add(Tensor rowsNI)
        {
            var hNR = mm(rowsNI.to(ScalarType.Float32), layer.A.Value.t());
            sum.add_((mm(hNR, gramRR) * hNR).sum().to(ScalarType.Float64));
            _tokens += rowsNI.shape[0];
        }
    }
}

/// <summary>LoRA's options, and how the layers are chosen.</summary>
public sealed record LoraDropOptions : LoraOptions
{
    /// <summary>Share of the training's batches that the layers are chosen by.</summary>
    [Range(0.0001, 1.0)]
    public double SampleRatio { get; init; } = 0.1;

    /// <summary>Steps of plain LoRA on that share before the layers are chosen; nothing for a tenth of the training.</summary>
    [Range(1, 1_000_000)]
    public int? WarmSteps { get; init; }

    /// <summary>Share of all importance, among layers of one kind, that the layers with a pair of their own have. 1 keeps all.</summary>
    [Range(0.0, 1.0)]
    public double Threshold { get; init; } = 0.9;
}
