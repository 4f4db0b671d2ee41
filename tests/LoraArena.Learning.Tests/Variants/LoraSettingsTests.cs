using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Tests.Peft;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

[assembly: PeftCase("lora", "lora-biases-and-norms", "LoraConfig", """{"r": 4, "lora_alpha": 6, "bert": {"bias": "all", "modules_to_save": ["LayerNorm"]}, "llama": {"modules_to_save": ["input_layernorm", "norm"]}}""")]
[assembly: PeftCase("lora", "lora-biases-of-its-layers", "LoraConfig", """{"r": 4, "lora_alpha": 6, "bert": {"bias": "lora_only", "target_modules": ["query", "output.dense"]}, "llama": {"target_modules": ["q_proj"]}}""")]
[assembly: PeftCase("lora", "lora-orthogonal", "LoraConfig", """{"r": 4, "lora_alpha": 6, "init_lora_weights": "orthogonal"}""")]

namespace LoraArena.Learning.Tests.Variants;

/// <summary>Start, scaling, dropout, magnitude, rate of B and biases are settings of one low-rank layer: any two that no rule forbids go together.</summary>
public sealed class LoraSettingsTests
{
    private static readonly (string Axis, string Json)[] Settings =
    [
        .. LoraStart.Names.Select(name => ("start", $$"""{"init_lora_weights": "{{name}}"}""")),
        ("scaling", """{"use_rslora": true}"""),
        ("dropout", """{"lora_dropout": 0.2}"""),
        ("magnitude", """{"use_dora": true}"""),
        ("rate", """{"loraplus_lr_ratio": 8}"""),
        ("ranks", """{"rank_pattern": "attention.self.query=2"}"""),
        ("bias", """{"bias": "all"}"""),
        ("modules", """{"modules_to_save": "LayerNorm"}"""),
    ];

    // The methods that have LoRA's layer or something close to it; those that are only a start or a rate are in the settings.
    private static readonly string[] Methods = ["lora", "lora-fa", "lora-pro", "lora-rite", "riemannian-lora", "lora-drop", "delta-lora", "cola", "reslora"];

    public static TheoryData<string, string, string> Pairs
    {
        get
        {
            var data = new TheoryData<string, string, string>();
            foreach (var (first, i) in Settings.Select((s, i) => (s, i)))
            {
                foreach (var second in Settings.Skip(i + 1).Where(s => s.Axis != first.Axis)) data.Add("lora", first.Json, second.Json);
            }

            // Each other method with each setting.
            foreach (var method in Methods.Skip(1))
            {
                foreach (var (_, json) in Settings) data.Add(method, json, "{}");
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void TwoSettings_GoTogether_OrAreRefusedWithTheReason(string variant, string first, string second)
    {
        using var scope = NewDisposeScope();
        var options = new JsonObject { ["r"] = 4, ["lora_dropout"] = 0 };
        foreach (var (name, value) in JsonNode.Parse(first)!.AsObject().Concat(JsonNode.Parse(second)!.AsObject())) options[name] = value?.DeepClone();
        if (VariantCatalog.Get(variant).Rules.Count > 0 && Refusal(variant, options) is { } refusal)
        {
            Assert.Matches($"^variant {variant}: .+ does not go with .+: .+\\.$", refusal);
            return;
        }

        using var plain = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 3);
        using var model = TinyTraining.Started(TinyTraining.Model("bert-tiny", variant, options));
        Assert.InRange(Torch.RelativeError(TinyTraining.Logits(model), TinyTraining.Logits(plain)), 0, 1e-5);
        var before = TinyTraining.Bytes(model.TrainableWeights);

        // LoRA-Pro's first steps are large where B is small: more would be rounded than is compared.
        TinyTraining.Train(model, TinyTraining.Options with { MaxSteps = 2, LearningRate = variant == "lora-pro" ? 1e-4 : TinyTraining.Options.LearningRate });
        Assert.All(
            TinyTraining.Bytes(model.TrainableWeights),
            after => Assert.False(before[after.Key].AsSpan().SequenceEqual(after.Value), after.Key + " did not move"));

        // In PEFT's form and merged it is the same model.
        var logits = TinyTraining.Logits(model);
        using var folder = new TemporaryFolder();
        PeftFolder.Write(folder.Path, model, "base");
        using var again = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 9);
        PeftFolder.Load(folder.Path, again);

        Assert.InRange(Torch.RelativeError(TinyTraining.Logits(again), logits), 0, 1e-5);
        model.Merge();
        Assert.InRange(Torch.RelativeError(TinyTraining.Logits(model), logits), 0, 1e-5);
    }

    [Theory]
    [InlineData("delta-lora", "use_dora", true, "the weight follows the product")]
    [InlineData("cola", "use_dora", true, "products add up")]
    [InlineData("lora-fa", "init_lora_weights", "pissa", "A is not trained")]
    [InlineData("lora-drop", "init_lora_weights", "olora", "no one weight to start from")]
    [InlineData("dora", "use_dora", false, "that is plain LoRA")]
    public void AForbiddenPair_IsRefused(string variant, string option, object value, string reason)
        => Assert.Contains(reason, Refusal(variant, new() { [option] = JsonValue.Create(value) }), StringComparison.Ordinal);

    [Fact]
    public void ModulesToSave_TrainWholeModules_AndCarryNoAdapter()
    {
        using var model = TinyTraining.Model("bert-tiny", "lora", new() { ["modules_to_save"] = "pooler, LayerNorm, classifier" });
        Assert.DoesNotContain(model.Adapted!.Layers, layer => layer.Site.Path.Contains("pooler", StringComparison.Ordinal));
        Assert.Contains(model.Adapted.BaseWeights, w => w.Key == "base_model.model.bert.pooler.dense.weight");
        Assert.Contains(model.Adapted.BaseWeights, w => w.Key == "base_model.model.bert.embeddings.LayerNorm.bias");
        Assert.DoesNotContain(model.Adapted.BaseWeights, w => w.Key.Contains("classifier", StringComparison.Ordinal));
        Assert.Throws<NotSupportedException>(model.Adapted.Detach);

        // They count towards a size.
        using var shapes = TinyTraining.Model("bert-tiny", "lora");
        var size = RankSolver.Count(VariantCatalog.Get("lora"), new() { ["modules_to_save"] = "LayerNorm" }, shapes);
        Assert.Equal(RankSolver.Count(VariantCatalog.Get("lora"), [], shapes).Parameters + shapes.BaseWeights.Where(w =>
            w.Name.Contains("LayerNorm", StringComparison.Ordinal)).Sum(w => w.Count), size.Parameters);
    }

    [Theory]
    [InlineData("modules_to_save", "pooling", "names 'pooling', but the model has no such module")]
    [InlineData("init_lora_weights", "orthogonal", "needs an even rank")]
    public void WhatTheModelCannotDo_IsRefused(string option, string value, string reason)
    {
        var error = Assert.Throws<OptionException>(() => TinyTraining.Model("bert-tiny", "lora", new() { ["r"] = 3, [option] = value }));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void BiasesThatAreNotThere_AreRefused()
        => Assert.Contains(
            "there are none",
            Assert.Throws<OptionException>(() => TinyTraining.Model("llama-tiny", "lora", new() { ["bias"] = "all" })).Message,
            StringComparison.Ordinal);

    [Fact]
    public void AnOrthogonalStart_HasFactorsWhoseProductIsZero()
    {
        using var scope = NewDisposeScope();
        using var layer = new Lora().Wrap(VariantLayers.Site(12, 10), new LoraOptions { R = 6, InitLoraWeights = "orthogonal" });
        var (a, b) = (layer.Value("lora_A.weight"), layer.Value("lora_B.weight"));
        Assert.True(a.abs().max().ToDouble() > 0.01 && b.abs().max().ToDouble() > 0.01);
        Assert.InRange(mm(b, a).abs().max().ToDouble(), 0, 1e-6);
    }

    private static string? Refusal(string variant, JsonObject options)
    {
        try
        {
            VariantCatalog.Get(variant).ReadOptions(options.DeepClone().AsObject());
            return null;
        }
        catch (OptionException error)
        {
            return error.Message;
        }
    }
}
