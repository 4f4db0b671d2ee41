using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Tests.Peft;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

[assembly: TinyVariant("hra", """{"r": 4}""")]
[assembly: TinyVariant("oft", """{"oft_block_size": 8}""", LearningRate = 0.02, StartsTheSameForEverySeed = true)]
[assembly: TinyVariant("road", """{"group_size": 4}""", LearningRate = 0.03, StartsTheSameForEverySeed = true)]
[assembly: PeftCase("hra", "hra", "HRAConfig", """{"r": 4}""")]
[assembly: PeftCase("hra", "hra-odd", "HRAConfig", """{"r": 3}""")]
[assembly: PeftCase("oft", "oft", "OFTConfig", """{"oft_block_size": 8}""", Spread = 0.05)]
[assembly: PeftCase("oft", "oft-exact", "OFTConfig", """{"oft_block_size": 7, "use_cayley_neumann": false}""")]
[assembly: PeftCase("oft", "oft-shared", "OFTConfig", """{"oft_block_size": 4, "block_share": true}""", Spread = 0.05)]
[assembly: PeftCase("road", "road-1", "RoadConfig", """{"group_size": 4}""")]
[assembly: PeftCase("road", "road-2", "RoadConfig", """{"group_size": 6, "variant": "road_2", "bert": {"target_modules": ["query", "value"]}, "llama": {"target_modules": ["q_proj", "v_proj"]}}""")]
[assembly: PeftCase("road", "road-4", "RoadConfig", """{"group_size": 4, "variant": "road_4"}""")]

namespace LoraArena.Learning.Tests.Variants;

/// <summary>Methods that turn and reflect: HRA, OFT and RoAd.</summary>
public sealed class OrthogonalMethodsTests
{
    [Fact]
    public void Hra_KeepsEverySingularValue()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (layer, before) = Randomised("hra", 1.0);
        var merged = before + layer.DeltaWeight();
        Assert.InRange(Torch.RelativeError(linalg.svdvals(merged), linalg.svdvals(before)), 0, 1e-5);
        Assert.True(Torch.RelativeError(merged, before) > 0.1);
    }

    [Fact]
    public void Hra_IsTheProductOfItsReflections_FromTheLeft()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (layer, before) = Randomised("hra", 1.0);
        var u = layer.Weights[0].Value;
        var expected = before.clone();
        for (var i = 0; i < u.shape[1]; i++)
        {
            var unit = u.narrow(1, i, 1) / u.narrow(1, i, 1).norm();
            expected = expected - (2 * mm(mm(expected, unit), unit.t()));
        }

        Assert.InRange(Torch.RelativeError(before + layer.DeltaWeight(), expected), 0, 1e-5);
    }

    [Fact]
    public void Hra_StartsInPairs_SoAnOddNumberIsRefused()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "hra");
        var u = model.Adapted!.Layers[0].Weights[0].Value;
        Assert.True(u.narrow(1, 0, 1).Equals(u.narrow(1, 1, 1)) && u.narrow(1, 2, 1).Equals(u.narrow(1, 3, 1)));
        Assert.False(u.narrow(1, 0, 1).Equals(u.narrow(1, 2, 1)));
        Assert.Contains(
            "take an even number", Assert.Throws<OptionException>(() => VariantCatalog.Get("hra").ReadOptions(new() { ["r"] = 3 })).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Oft_KeepsLengthsAndAnglesOfTheRows_WhereItIsExact()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (layer, before) = Randomised("oft", 0.3, ("use_cayley_neumann", false));
        var merged = before + layer.DeltaWeight();
        Assert.InRange(Torch.RelativeError(mm(merged, merged.t()), mm(before, before.t())), 0, 1e-5);
        Assert.True(Torch.RelativeError(merged, before) > 0.1);

        // The series is orthogonal nearly, and only for small rotations.
        var (near, start) = Randomised("oft", 0.3, ("use_cayley_neumann", true));
        var approximate = start + near.DeltaWeight();
        Assert.True(Torch.RelativeError(mm(approximate, approximate.t()), mm(start, start.t())) > 1e-4);
    }

    [Fact]
    public void Oft_SeriesAndExactRotation_TurnOppositeWays()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (exact, before) = Randomised("oft", 0.01, ("use_cayley_neumann", false));
        var (series, _) = Randomised("oft", 0.01, ("use_cayley_neumann", true));
        series.Weights[0].Value.copy_(-exact.Weights[0].Value);
        Assert.InRange(Torch.RelativeError(before + series.DeltaWeight(), before + exact.DeltaWeight()), 0, 1e-5);
    }

    [Theory]
    [InlineData(24, 7, 6)]
    [InlineData(24, 8, 8)]
    [InlineData(24, 10, 8)]
    [InlineData(24, 40, 24)]
    [InlineData(40, 32, 40)]
    public void Oft_TakesTheNearestDivisor(int width, int asked, int taken) => Assert.Equal(taken, new OftOptions { OftBlockSize = asked }.BlockOf(width));

    [Fact]
    public void Road_RotatesPairsOfOutputs()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        manual_seed(4);
        var site = new Projection("site", new Weight("weight", randn(4, 6)), new Weight("bias", randn(4)));
        using var layer = new Road().Wrap(site, new RoadOptions { GroupSize = 4 }, new VariantContext(1, 0));
        layer.Weights[0].Value.copy_(tensor(new[] { 0.3f, -1.2f }));
        layer.Weights[1].Value.copy_(tensor(new[] { 2f, 0.5f }));
        var x = randn(1, 6);
        var y = site.Base(x).data<float>().ToArray();
        var o = layer.Forward(x, ForwardMode.Inference).data<float>().ToArray();
        for (var j = 0; j < 2; j++)
        {
            var (theta, alpha) = (j == 0 ? 0.3 : -1.2, j == 0 ? 2 : 0.5);
            Assert.Equal(alpha * ((Math.Cos(theta) * y[j]) - (Math.Sin(theta) * y[j + 2])), o[j], 1e-5);
            Assert.Equal(alpha * ((Math.Sin(theta) * y[j]) + (Math.Cos(theta) * y[j + 2])), o[j + 2], 1e-5);
        }
    }

    [Fact]
    public void Road_AGroupThatDoesNotDivide_IsRefusedBySite()
        => Assert.Contains(
            "group_size 64 must be even and divide the 24 outputs of bert.encoder.layer.0.attention.self.query",
            Assert.Throws<OptionException>(() => TinyTraining.Model("bert-tiny", "road", new() { ["group_size"] = 64 })).Message,
            StringComparison.Ordinal);

    private static (AdapterLayer Layer, Tensor Before) Randomised(string variant, double spread, params (string Name, bool Value)[] options)
    {
        var given = new System.Text.Json.Nodes.JsonObject(options.Select(o => KeyValuePair.Create<string, System.Text.Json.Nodes.JsonNode?>(o.Name, o.Value)));
        var model = TinyTraining.Model("bert-tiny", variant, given);
        manual_seed(8);
        var layer = model.Adapted!.Layers[2];
        foreach (var weight in layer.Weights) weight.Value.add_(randn(weight.Shape) * spread);
        return (layer, layer.Site.Weight.Value);
    }
}
