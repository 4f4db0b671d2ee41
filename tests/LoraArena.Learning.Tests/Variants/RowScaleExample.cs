// The example of docs/variants.md, word for word: what stands between the two lines of dashes.
// ----
using System.ComponentModel.DataAnnotations;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

/// <summary>Row scale: y = (1 + strength · g) ⊙ W x + b, with one trained number g for each output, 0 at the start.</summary>
public sealed class RowScale : LoraVariant<RowScaleOptions>
{
    public override VariantInfo Info { get; } = new("row-scale", "Row scale", "Scales each output of a layer by a trained number.", "the guide's example", PeftType: null, ParameterFormula: "O")
    {
        Group = VariantGroup.Magnitude,
        Cost = "Less of everything: one multiplication a layer.",
        SizeOption = null,
    };
    public override AdapterLayer Wrap(Projection site, RowScaleOptions options, VariantContext context) => new RowScaleLayer(site, options);
    public override long ParametersOf(SiteShape site, RowScaleOptions options) => site.OutFeatures;
}

public sealed record RowScaleOptions : VariantOptions
{
    /// <summary>How strongly a trained number acts.</summary>
    [Range(0.001, 1000.0)] public double Strength { get; init; } = 1;
}

public sealed class RowScaleLayer(Projection site, RowScaleOptions options) : AdapterLayer(site)
{
    private readonly Weight _scaleO = new("row_scale", zeros([site.OutFeatures], ScalarType.Float32, site.Weight.Value.device));
    public override IReadOnlyList<Weight> Weights => [_scaleO];
    public override Tensor Forward(Tensor x, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var y = nn.functional.linear(x, Site.Weight.Value) * (1 + (options.Strength * _scaleO.Value)).to(x.dtype);
        return (Site.Bias is { } bias ? y + bias.Value : y).MoveToOuterDisposeScope();
    }
    public override Tensor DeltaWeight() => Site.Weight.Value * (options.Strength * _scaleO.Value).unsqueeze(1);
}
// ----
