using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Variants;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Variants;

/// <summary>Counts and budgets of trainable parameters, against what is really attached.</summary>
public sealed class RankSolverTests
{
    public static TheoryData<string> Variants => [.. VariantCatalog.All.Keys];

    public static TheoryData<string> Sized => [.. VariantCatalog.All.Values.Where(v => v.Info.SizeOption is not null).Select(v => v.Info.Id)];

    [Theory]
    [MemberData(nameof(Variants))]
    public void TheCount_IsThatOfTheAttachedAdapter(string variant)
    {
        using var model = TinyTraining.Model("bert-tiny", variant);
        var size = RankSolver.Count(VariantCatalog.Get(variant), TinyVariant.Of(variant).Options, model);
        Assert.Equal(model.Adapted!.Weights.Where(w => w.Trained).Sum(w => w.Weight.Count), size.Parameters);
        Assert.True(size.Parameters > 0);
    }

    [Theory]
    [MemberData(nameof(Sized))]
    public void NoSettingComesCloserToTheBudget(string variant)
    {
        using var model = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 0);
        var (method, options) = (VariantCatalog.Get(variant), TinyVariant.Of(variant).Options);
        const long Budget = 3000;
        var size = RankSolver.Solve(method, options, model, Budget);
        Assert.Equal((method.Info.SizeOption, Budget), (size.Solved, size.Budget!.Value));
        Assert.Equal(RankSolver.Count(method, size.Options, model).Parameters, size.Parameters);

        // Every neighbour that the layers take is at least as far off.
        var found = (int)size.Options[size.Solved!]!;
        foreach (var value in new[] { found - 1, found + 1 })
        {
            var other = size.Options.DeepClone().AsObject();
            other[size.Solved!] = value;
            other.Remove("rank_pattern");
            if (Count(other) is { } count)
            {
                Assert.True(
                    Math.Abs(count - Budget) >= Math.Abs(size.Parameters - Budget),
                    $"{size.Solved} = {value} gives {count}, {found} {size.Parameters}");
            }
        }

        long? Count(JsonObject other)
        {
            try
            {
                return RankSolver.Count(method, other, model).Parameters;
            }
            catch (OptionException)
            {
                return null;
            }
        }
    }

    [Fact]
    public void WhatTheRankLeaves_GoesToTheFirstLayers()
    {
        using var model = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 0);
        var perRank = model.Sites.Sum(site => site.InFeatures + site.OutFeatures);
        var first = model.Sites[0].InFeatures + model.Sites[0].OutFeatures;
        var size = RankSolver.Solve(new Lora(), [], model, (4 * perRank) + first + 1);
        Assert.Equal((4 * perRank) + first, size.Parameters);
        Assert.Equal(4, (int)size.Options["r"]!);
        Assert.Equal($"{model.Sites[0].Path}=5", (string)size.Options["rank_pattern"]!);

        // Just under the next rank, that rank is closer than any filling from below.
        Assert.Equal(5 * perRank, RankSolver.Solve(new Lora(), [], model, (5 * perRank) - 1).Parameters);
        Assert.Equal(5 * perRank, RankSolver.Solve(new Lora(), [], model, 5 * perRank).Parameters);

        // A rank_pattern of the user's own stays as it is.
        var own = RankSolver.Solve(new Lora(), new() { ["rank_pattern"] = "query=1" }, model, (4 * perRank) + first + 1);
        Assert.Equal("query=1", (string)own.Options["rank_pattern"]!);
    }

    [Fact]
    public void TargetsCount()
    {
        using var model = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 0);
        var size = RankSolver.Count(new Lora(), new() { ["target_modules"] = "query", ["r"] = 3 }, model);
        Assert.Equal((2, 2 * 3 * 48L), (size.Sites, size.Parameters));
    }
}
