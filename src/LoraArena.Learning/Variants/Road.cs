using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// G group size, I features in, O features out, N any leading sizes.

/// <summary>
/// RoAd: rotates and stretches pairs of a layer's outputs, bias included: o₁ = α (cos θ y₁ − sin θ y₂), o₂ = α (sin θ y₁ + cos θ y₂). Liao
/// and Monz 2024, arXiv:2409.00119.
/// </summary>
public sealed class Road : LoraVariant<RoadOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "road", "RoAd", "Rotates pairs of each layer's outputs: very few numbers and hardly any time.", "arXiv:2409.00119",
        PeftType: "ROAD", ParameterFormula: "O (road_1), 2 O (road_2), 4 O (road_4)")
    {
        Group = VariantGroup.Other,
        Cost = "Less: two multiplications a layer.",
        SizeOption = null,
    };

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, RoadOptions options, VariantContext context) => new RoadLayer(site, options);

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, RoadOptions options)
    {
        options.RequireDivides(site);
        return 2 * options.NumbersOf(site.OutFeatures);
    }

    /// <inheritdoc/>
    public override JsonObject PeftConfig(RoadOptions options)
        => new() { ["variant"] = options.Variant, ["group_size"] = options.GroupSize, ["init_weights"] = true };

    /// <inheritdoc/>
    public override RoadOptions FromConfig(PeftConfigReader config)
    {
        config.Require("variant", "road_1", "road_2", "road_4");
        return new RoadOptions { Variant = config.Text("variant") ?? "road_1", GroupSize = config.Size("group_size", 64) };
    }
}

/// <summary>Options of RoAd, by PEFT's names.</summary>
public sealed record RoadOptions : VariantOptions
{
    /// <summary>
    /// How much is trained: road_1 one angle and length for each pair, road_2 for each output, road_4 for each output and each of the two
    /// terms.
    /// </summary>
    [AllowedValues("road_1", "road_2", "road_4")]
    public string Variant { get; init; } = "road_1";

    /// <summary>
    /// Outputs are paired within groups of that size, the first with the first of the second half; it must be even and divide the outputs
    /// of every adapted layer.
    /// </summary>
    [Range(2, 65_536)]
    public int GroupSize { get; init; } = 64;

    internal long NumbersOf(long outFeatures) => Variant switch { "road_1" => outFeatures / 2, "road_2" => outFeatures, _ => 2 * outFeatures };

    internal void RequireDivides(SiteShape site)
    {
        if (GroupSize % 2 != 0 || site.OutFeatures % GroupSize != 0)
        {
            throw new OptionException($"road: group_size {GroupSize} must be even and divide the {site.OutFeatures} outputs of {site.Path}.");
        }
    }
}

/// <summary>One layer with RoAd.</summary>
internal sealed class RoadLayer : AdapterLayer
{
    private readonly RoadOptions _options;

    public RoadLayer(Projection site, RoadOptions options) : base(site)
    {
        options.RequireDivides(site.Shape);
        using var scope = NewDisposeScope();
        _options = options;
        var (device, count) = (site.Weight.Value.device, options.NumbersOf(site.OutFeatures));
        Theta = new Weight("road_theta", zeros([count], ScalarType.Float32, device));
        Alpha = new Weight("road_alpha", ones([count], ScalarType.Float32, device));
    }

    /// <summary>The angles.</summary>
    public Weight Theta { get; }

    /// <summary>The lengths.</summary>
    public Weight Alpha { get; }

    public override IReadOnlyList<Weight> Weights => [Theta, Alpha];

    public override Tensor Forward(Tensor x, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var y = Site.Base(x);
        return Turn(y.to(ScalarType.Float32)).to(y.dtype).MoveToOuterDisposeScope();
    }

    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        var weight = Site.Weight.Value.to(ScalarType.Float32);
        return (Turn(weight.t()).t() - weight).MoveToOuterDisposeScope();
    }

    public override void Merge()
    {
        using (var scope = NewDisposeScope())
        {
            using var noGrad = no_grad();
            Site.Bias?.Value.copy_(Turn(Site.Bias.Value.to(ScalarType.Float32)));
        }

        base.Merge();
    }

    // […, O] → […, O].
    private Tensor Turn(Tensor y)
    {
        var (cosine, sine) = Factors();
        long half = _options.GroupSize / 2;
        var groups = y.reshape([.. y.shape[..^1], -1, 2, half]);
        var (first, second) = (groups.select(-2, 0), groups.select(-2, 1));
        return (y * cosine) + (stack([-second, first], -2).reshape(y.shape) * sine);
    }

    private (Tensor Cosine, Tensor Sine) Factors()
    {
        var (theta, alpha) = (Theta.Value, Alpha.Value);
        switch (_options.Variant)
        {
            case "road_1":
                long half = _options.GroupSize / 2;
                (theta, alpha) = (Twice(theta), Twice(alpha));
                return (alpha * theta.cos(), alpha * theta.sin());

                // Both halves of a group share the numbers.
                Tensor Twice(Tensor numbers) => numbers.view(-1, 1, half).expand(-1, 2, half).reshape(-1);
            case "road_2":
                return (alpha * theta.cos(), alpha * theta.sin());
            default:
                (theta, alpha) = (theta.view(-1, 2, _options.GroupSize), alpha.view(-1, 2, _options.GroupSize));
                return ((alpha.select(1, 0) * theta.select(1, 0).cos()).flatten(), (alpha.select(1, 1) * theta.select(1, 1).sin()).flatten());
        }
    }
}
