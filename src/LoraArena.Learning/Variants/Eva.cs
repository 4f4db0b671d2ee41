using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// R rank, I features in, Q components.

/// <summary>
/// EVA: LoRA whose A starts with the principal components of each layer's inputs, and whose ranks go where the components explain most. Paischer
/// et al. 2024, arXiv:2410.07170.
/// </summary>
public sealed class Eva : LoraFamily<EvaOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "eva", "EVA", "LoRA that starts with the principal components of its inputs, with more rank where they explain more.",
        "arXiv:2410.07170", PeftType: "LORA", ParameterFormula: "r · (I + O) before ranks move between layers")
    {
        Group = VariantGroup.Start,
        Cost = "Some batches are run at the start to see the inputs, then none.",
    };

    /// <inheritdoc/>
    public override IReadOnlyList<OptionRule> Rules { get; } =
    [
        new(
            "eva", "rank_pattern or alpha_pattern", "EVA chooses the ranks itself",
            options => ((EvaOptions)options).RankPattern is not null || ((EvaOptions)options).AlphaPattern is not null),
        new(
            "eva", "another init_lora_weights than eva", "the ranks come from the components that A starts with",
            options => ((EvaOptions)options).InitLoraWeights != "eva"),
    ];

    /// <inheritdoc/>
    protected override AttachedVariant Hold(PreferenceModel model, EvaOptions options, IReadOnlyList<AdapterLayer> layers, long seed)
        => new AttachedEva(this, options, [.. layers.Cast<LoraLayer>()]);
}

/// <summary>LoRA's options, and how far ranks may move.</summary>
public sealed record EvaOptions : LoraOptions
{
    /// <summary>EVA's defaults.</summary>
    public EvaOptions() => InitLoraWeights = "eva";

    /// <summary>No layer gets more than rho · r; 1 leaves every layer its r. Every layer keeps at least 1.</summary>
    [Range(1.0, 64.0)]
    public double Rho { get; init; } = 2;

    /// <summary>Divides each component by the deviation along it.</summary>
    public bool Whiten { get; init; }

    /// <summary>Lets lora_alpha of a layer follow its rank, so that the scale stays what it is for r.</summary>
    public bool AdjustScalingFactors { get; init; } = true;

    /// <summary>Batches of the first epoch whose inputs are looked at.</summary>
    [Range(1, 4096)]
    public int StartBatches { get; init; } = 8;
}

/// <summary>A from the principal components of the layer's inputs, B zero.</summary>
internal sealed class EvaStart : LoraStart
{
    public override string Name => "eva";

    public override void Set(IReadOnlyList<LoraLayer> layers, LoraOptions options, StartingData data)
    {
        var own = options as EvaOptions ?? new EvaOptions { Rho = 1 };
        foreach (var layer in layers.Where(layer => layer.Rank > layer.Site.InFeatures))
        {
            throw new Core.Runs.OptionException($"eva needs a rank of at most {layer.Site.InFeatures} at {layer.Site.Path}, whose input has no more components; r is {layer.Rank}.");
        }

        using var scope = NewDisposeScope();
        var components = new List<(Tensor AxesQI, Tensor DeviationsQ, Tensor RatiosQ)>();
        foreach (var group in StartingData.Groups(layers, layer => 2 * layer.Site.InFeatures * layer.Site.InFeatures))
        {
            var moments = group.ToDictionary(layer => layer.Site, layer => new InputMoments(layer.Site.InFeatures, layer.Site.Device));
            for (var batch = 0; batch < Math.Min(own.StartBatches, data.Batches); batch++)
            {
                data.Inputs(batch, moments.Keys, (site, rows) => moments[site].Add(rows));
            }

            foreach (var layer in group)
            {
                using var seen = moments[layer.Site];
                components.Add(seen.Components(Math.Min((long)Math.Ceiling(own.Rho * layer.Rank), layer.Site.InFeatures), data.Seed, components.Count));
            }
        }

        if (own.Rho > 1) Redistribute(layers, [.. components.Select(c => c.RatiosQ)], own);
        foreach (var (layer, (axesQI, deviationsQ, _)) in layers.Zip(components))
        {
            var axes = own.Whiten ? axesQI / deviationsQ.unsqueeze(1).clamp_min(1e-12) : axesQI;
            layer.StartFrom(axes.narrow(0, 0, layer.Rank), zeros_like(layer.B.Value));
        }
    }

    // The components of all layers that explain most of their layer's variance, as many as there were; the first of each layer stays.
    private static void Redistribute(IReadOnlyList<LoraLayer> layers, IReadOnlyList<Tensor> ratios, EvaOptions options)
    {
        var total = layers.Sum(layer => layer.Rank);
        var ranks = layers.Select(_ => 1).ToArray();
        var numbers = cat([.. ratios], 0).cpu().data<double>().ToArray();
        var (ordered, at) = (new List<(double Ratio, int Layer)>(), 0);
        for (var layer = 0; layer < layers.Count; layer++)
        {
            var count = (int)ratios[layer].shape[0];
            for (var i = 1; i < count; i++) ordered.Add((numbers[at + i], layer));
            at += count;
        }

        foreach (var (_, layer) in ordered.OrderByDescending(c => c.Ratio).ThenBy(c => c.Layer).Take(total - layers.Count)) ranks[layer]++;
        for (var i = 0; i < layers.Count; i++)
        {
            layers[i].ChangeRank(ranks[i], options.AdjustScalingFactors ? layers[i].Scale : layers[i].Scale * layers[i].Rank / ranks[i]);
        }
    }
}

/// <summary>EVA on a model: its layers may have ranks of their own.</summary>
internal sealed class AttachedEva(Eva variant, EvaOptions options, IReadOnlyList<LoraLayer> layers) : AttachedLora(variant, options, layers)
{
    public override void ReadCheckpoint(PeftTensors tensors)
    {
        foreach (var layer in LoraLayers)
        {
            var rank = (int)tensors.ShapeOf(KeyOf(layer, layer.A))[0];
            layer.ChangeRank(rank, options.AdjustScalingFactors ? layer.Scale : layer.Scale * layer.Rank / rank);
        }

        base.ReadCheckpoint(tensors);
    }

    public override PeftAdapter ToPeft()
    {
        var adapter = base.ToPeft();
        var (ranks, alphas) = (new JsonObject(), new JsonObject());
        foreach (var layer in LoraLayers.Where(layer => layer.Rank != options.R))
        {
            ranks[layer.Site.Path] = layer.Rank;
            alphas[layer.Site.Path] = layer.Scale * (options.UseRslora ? Math.Sqrt(layer.Rank) : layer.Rank);
        }

        (adapter.Config["rank_pattern"], adapter.Config["alpha_pattern"]) = (ranks, alphas);
        return adapter;
    }
}
