using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Models.Shared;
using LoraArena.Learning.Peft;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// R rank, K pairs of a layer: its own and its predecessors', I features in, O features out.

/// <summary>
/// ResLoRA with block shortcuts: a layer also uses the pairs of the layers of the same kind before it, y = Wx + s Σ B_{n−k} A_{n−k} x. Shi et al. 2024,
/// arXiv:2402.18039. Of the paper's three shortcuts it is the one that merges without error.
/// </summary>
public sealed class ResLora : LoraFamily<ResLoraOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "reslora", "ResLoRA", "LoRA whose layers also use the pairs of the layers before them.", "arXiv:2402.18039", PeftType: "LORA",
        ParameterFormula: "r · (I + O)")
    {
        Group = VariantGroup.LowRank,
        Cost = "One more thin product for each earlier layer that is used.",
    };

    /// <inheritdoc/>
    public override IReadOnlyList<OptionRule> Rules { get; } =
    [
        new(
            "reslora", "use_dora", "a row's length would count the other layers' pairs too, and PEFT has no such layer",
            options => ((LoraOptions)options).UseDora),
        new(
            "reslora", "init_lora_weights that moves the base", "a layer's update is not its own pair's alone",
            options => LoraStart.Get(((LoraOptions)options).InitLoraWeights).MovesBase),
        new(
            "reslora", "rank_pattern or alpha_pattern", "layers that share pairs have one rank and one scale",
            options => ((LoraOptions)options).RankPattern is not null || ((LoraOptions)options).AlphaPattern is not null),
    ];

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, ResLoraOptions options, VariantContext context) => new ResLoraLayer(site, options, context);

    /// <inheritdoc/>
    protected override AttachedVariant Hold(PreferenceModel model, ResLoraOptions options, IReadOnlyList<AdapterLayer> layers, long seed)
    {
        var own = layers.Cast<ResLoraLayer>().ToList();
        foreach (var chain in own.GroupBy(layer => (layer.Site.Shape.Kind, layer.Site.InFeatures, layer.Site.OutFeatures)))
        {
            var links = chain.ToList();
            var most = options.PreNum < 0 ? links.Count : options.PreNum;
            for (var n = 0; n < links.Count; n++) links[n].Predecessors = [.. links.Take(n).Reverse().Take(most)];
        }

        return new AttachedResLora(this, options, own);
    }
}

/// <summary>LoRA's options, and how far back the shortcuts reach.</summary>
public sealed record ResLoraOptions : LoraOptions
{
    /// <summary>Layers of the same kind before a layer whose pairs it uses too; −1 for all, 0 is plain LoRA.</summary>
    [Range(-1, 1000)]
    public int PreNum { get; init; } = 4;
}

/// <summary>One layer with ResLoRA.</summary>
internal sealed class ResLoraLayer(Projection site, ResLoraOptions options, VariantContext context) : LoraLayer(site, options, context)
{
    private readonly double _dropout = options.LoraDropout;

    /// <summary>Layers whose pairs it uses too, the nearest first.</summary>
    internal IReadOnlyList<ResLoraLayer> Predecessors { get; set; } = [];

    /// <summary>The pairs as one: A [K R, I] and B [O, K R].</summary>
    internal (Tensor A, Tensor B) Whole => Predecessors.Count == 0
        ? (A.Value, B.Value)
        : (cat([A.Value, .. Predecessors.Select(p => p.A.Value)], 0), cat([B.Value, .. Predecessors.Select(p => p.B.Value)], 1));

    public override Tensor Forward(Tensor x, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var (a, b) = Whole;
        var dropped = Dropout.Apply(x.to(ScalarType.Float32), _dropout, mode);
        return (Site.Base(x) + LinearProduct.Of(LinearProduct.Of(dropped, a) * Scale, b).to(x.dtype)).MoveToOuterDisposeScope();
    }

    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        var (a, b) = Whole;
        return (mm(b, a) * Scale).MoveToOuterDisposeScope();
    }
}

/// <summary>ResLoRA on a model.</summary>
internal sealed class AttachedResLora(ResLora variant, ResLoraOptions options, IReadOnlyList<ResLoraLayer> layers) : AttachedLora(variant, options, layers)
{
    /// <summary>Plain LoRA: each layer of the rank that its pairs have together.</summary>
    public override PeftAdapter ToPeft()
    {
        var adapter = base.ToPeft();
        var (tensors, ranks, alphas) = (adapter.Tensors.ToDictionary(StringComparer.Ordinal), new JsonObject(), new JsonObject());
        foreach (var layer in layers)
        {
            (tensors[KeyOf(layer, layer.A)], tensors[KeyOf(layer, layer.B)]) = layer.Whole;
            var pairs = layer.Predecessors.Count + 1;
            if (pairs == 1) continue;
            ranks[layer.Site.Path] = pairs * options.R;
            alphas[layer.Site.Path] = (options.UseRslora ? Math.Sqrt(pairs) : pairs) * options.LoraAlpha;
        }

        (adapter.Config["rank_pattern"], adapter.Config["alpha_pattern"]) = (ranks, alphas);
        return new PeftAdapter(adapter.Config, tensors);
    }

    // Every weight is moved or merged before any layer changes: layers use one another's pairs.
    public override void Merge()
    {
        using var noGrad = no_grad();
        var updates = layers.Select(layer => (layer.Site, Update: layer.DeltaWeight())).ToList();
        foreach (var (site, update) in updates)
        {
            site.Weight.Value.add_(update);
            update.Dispose();
            site.Adapter = null;
        }
    }
}
