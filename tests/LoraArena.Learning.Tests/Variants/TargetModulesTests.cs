using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Variants;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Variants;

/// <summary>PEFT's rules for target_modules, on the paths of the tiny models.</summary>
public sealed class TargetModulesTests
{
    private const string Layer = "bert.encoder.layer.";

    [Theory]
    [InlineData("bert-tiny", "query", new[] { Layer + "0.attention.self.query", Layer + "1.attention.self.query" })]
    [InlineData("bert-tiny", "query, value", new[] { Layer + "0.attention.self.query", Layer + "0.attention.self.value", Layer + "1.attention.self.query", Layer + "1.attention.self.value" })]
    [InlineData("bert-tiny", "attention.output.dense", new[] { Layer + "0.attention.output.dense", Layer + "1.attention.output.dense" })]
    [InlineData("bert-tiny", "bert.pooler.dense", new[] { "bert.pooler.dense" })]
    [InlineData("bert-tiny", "1.attention.self.key", new[] { Layer + "1.attention.self.key" })]
    [InlineData("bert-tiny", ".*layer\\.1\\.attention\\.self\\.(query|key)", new[] { Layer + "1.attention.self.query", Layer + "1.attention.self.key" })]
    [InlineData("llama-tiny", "model\\.layers\\.0\\.mlp\\..*", new[] { "model.layers.0.mlp.gate_proj", "model.layers.0.mlp.up_proj", "model.layers.0.mlp.down_proj" })]
    [InlineData("llama-tiny", "q_proj", new[] { "model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj" })]
    public void Names_ChooseTheEndOfAPath_AndExpressionsTheWhole(string fixture, string targets, string[] expected)
        => Assert.Equal(expected.Order(StringComparer.Ordinal), Chosen(fixture, targets).Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("bert-tiny", 13, "classifier")]
    [InlineData("llama-tiny", 14, "score")]
    public void AllLinear_IsEveryLayerButTheHead(string fixture, int count, string head)
    {
        // PEFT 0.21.2 chooses the same: the list in the fixtures' adapter_config.json is its own.
        var chosen = Chosen(fixture, "all-linear");
        Assert.Equal(count, chosen.Count);
        Assert.DoesNotContain(head, chosen);
        var written = System.Text.Json.JsonDocument.Parse(File.ReadAllBytes(Torch.Fixture(
            fixture, "adapter", "adapter_config.json"))).RootElement.GetProperty("target_modules");
        Assert.Equal(written.EnumerateArray().Select(e => e.GetString()!).Order(StringComparer.Ordinal), chosen.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("quer")]
    [InlineData("uery")]
    [InlineData("classifier")]
    [InlineData("query,q_proj")]
    [InlineData("QUERY")]
    public void ANameThatNoPathEndsIn_IsRefusedWithThoseThatThereAre(string targets)
    {
        var error = Assert.Throws<OptionException>(() => Chosen("bert-tiny", targets));
        Assert.Equal($"target_modules names '{targets.Split(',')[^1]}', but no linear layer's path ends in it; the model has intermediate.dense, key, output.dense, pooler.dense, query, value.", error.Message);
    }

    [Theory]
    [InlineData("(query)", "matches none of the model's linear layers; it has intermediate.dense, key,")]
    [InlineData("bert\\.encoder", "matches none of the model's linear layers")]
    [InlineData("(", "is not a valid regular expression")]
    [InlineData("(a+)+$|((((.*)*)*)*)*x", "takes too long to match")]
    public void AnExpressionThatChoosesNothing_IsRefused(string targets, string sentence)
    {
        var error = Assert.Throws<OptionException>(() => Chosen("bert-tiny", targets));
        Assert.StartsWith($"target_modules '{targets}' ", error.Message, StringComparison.Ordinal);
        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OnlyTheChosenLayersCarryAnAdapter()
    {
        using var model = PreferenceModel.Load(Torch.Fixture("llama-tiny"), CPU, seed: 0);
        model.Attach(VariantCatalog.Get("lora"), new LoraOptions { TargetModules = "q_proj,v_proj" }, seed: 1);
        Assert.All(model.Sites, site => Assert.Equal(
            site.Path.EndsWith("q_proj", StringComparison.Ordinal) || site.Path.EndsWith("v_proj", StringComparison.Ordinal),
            site.Adapter is not null));
        Assert.Equal(4, model.Adapted!.Layers.Count);
    }

    private static List<string> Chosen(string fixture, string targets)
    {
        using var model = PreferenceModel.Load(Torch.Fixture(fixture), CPU, seed: 0);
        return [.. TargetModules.Select(model.Sites, targets).Select(site => site.Path)];
    }
}
