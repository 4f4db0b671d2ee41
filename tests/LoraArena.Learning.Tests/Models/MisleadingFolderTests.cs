using System.Text.Json.Nodes;
using LoraArena.Learning.Files;
using LoraArena.Learning.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Models;

/// <summary>Folders that look like a model and are something else: said, never loaded as what they are not.</summary>
public sealed class MisleadingFolderTests
{
    private const string Query = "bert.encoder.layer.0.attention.self.query";

    [Theory]
    [InlineData("gptq", """{"quant_method": "gptq", "bits": 4}""", "quantised (gptq, 4 bits)")]
    [InlineData("awq", """{"quant_method": "awq", "bits": 4}""", "quantised (awq, 4 bits)")]
    [InlineData("fp8", """{"quant_method": "fp8"}""", "quantised (fp8)")]
    [InlineData("bitsandbytes", """{"load_in_4bit": true, "load_in_8bit": false}""", "quantised (bitsandbytes, 4 bits)")]
    [InlineData("without a name", "{}", "quantised (a method that it does not name)")]
    public void AQuantisationInTheConfig_IsNamed(string what, string quantization, string says)
    {
        Assert.NotEmpty(what);
        using var folder = new ModelFolder("bert-tiny").Config(c => c["quantization_config"] = JsonNode.Parse(quantization));
        AssertRefused(folder, says);
    }

    [Theory]
    [InlineData(".qweight", "GPTQ or AWQ")]
    [InlineData(".weight.SCB", "bitsandbytes, 8 bits")]
    [InlineData(".weight.quant_state.bitsandbytes__nf4", "bitsandbytes, NF4")]
    [InlineData(".weight_scale_inv", "fp8 with scales")]
    [InlineData(".weight_packed", "compressed-tensors")]
    public void ACompanionOfAQuantisedWeight_IsNamed(string ending, string method)
    {
        using var scope = NewDisposeScope();
        using var folder = With(Query + ending, ones(4));
        AssertRefused(folder, $"the tensor '{Query}{ending}' says that the weights are quantised ({method})");
    }

    [Fact]
    public void WeightsOfWholeNumbers_AreRefused()
    {
        using var scope = NewDisposeScope();
        using var folder = With(Query + ".weight", ones([24, 24], ScalarType.Int8));
        AssertRefused(folder, $"the tensor '{Query}.weight' is stored as I8, so its weights are quantised");
    }

    [Theory]
    [InlineData("bert.encoder.layer.2.attention.self.query.weight")]
    [InlineData("bert.encoder.layer.0.attention.self.query.extra")]
    [InlineData("bert.pooler.dense.scale")]
    public void ATensorOfTheBackboneThatNothingTakes_IsRefusedByName(string name)
    {
        using var scope = NewDisposeScope();
        using var folder = With(name, ones(24));
        AssertRefused(folder, $"the files hold '{name}', for which config.json leaves no place");
    }

    [Fact]
    public void BiasesThatTheConfigDenies_AreRefusedByName()
    {
        using var folder = new ModelFolder("llama-tiny-wide-heads").Config(c => c["attention_bias"] = false);
        AssertRefused(folder, "the files hold 'model.layers.0.self_attn.k_proj.bias', 'model.layers.0.self_attn.o_proj.bias', 'model.layers.0.self_attn.q_proj.bias' and 5 more");
    }

    [Theory]
    [InlineData("cls.predictions.bias", true)]
    [InlineData("bert.embeddings.position_ids", true)]
    [InlineData("something.else", false)]
    public void OtherTensorsThatNothingTakes_AreListedUnlessTheyAreOfAnotherTask(string name, bool expected)
    {
        using var scope = NewDisposeScope();
        using var folder = With(name, ones(2));
        var (family, config) = ModelCatalog.Read(folder.Path);
        using var weights = new CheckpointWeights(folder.Path, family.Prefix);
        using var model = PreferenceModel.Build(family, config, weights, CPU, seed: 0);
        Assert.Equal(expected ? [] : [name], weights.CheckLeft());
    }

    [Theory]
    [InlineData("module.", false)]
    [InlineData("_orig_mod.", false)]
    [InlineData("module._orig_mod.", true)]
    [InlineData("", true)]
    public void OldNames_AreReadAsTheyAreCalledToday(string prefix, bool gamma)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var folder = new ModelFolder("bert-tiny").Weights(tensors => tensors.ToDictionary(t => prefix + (gamma ? Old(t.Key) : t.Key), t => t.Value));
        using var model = PreferenceModel.Load(folder.Path, CPU, seed: 0);
        using var expected = SafetensorsFile.Open(Torch.Fixture("bert-tiny", "expected.safetensors"));
        using var batch = Torch.Batch(expected, 1).OnCpu();
        Assert.InRange(Torch.RelativeError(model.Logits(batch, ForwardMode.Inference), expected.Read("1.logits")), 0, 1e-5);
    }

    [Fact]
    public void TwoNamesOfOneTensor_AreRefused()
    {
        using var scope = NewDisposeScope();
        using var folder = With("bert.embeddings.LayerNorm.gamma", ones(24));
        AssertRefused(folder, "are two names of one");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AnAdaptersFolder_IsToldApartAndItsBaseNamed(bool withConfig)
    {
        using var folder = new ModelFolder("bert-tiny").Remove("model.safetensors").Write("adapter_config.json", """{"peft_type": "LORA", "base_model_name_or_path": "someone/some-model"}""");
        if (!withConfig) folder.Remove("config.json");
        AssertRefused(folder, "this is an adapter (LORA), not a model; register its base model 'someone/some-model' instead");
    }

    [Theory]
    [InlineData("entailment", "neutral", "contradiction")]
    [InlineData("LABEL_0", "LABEL_1", "LABEL_2")]
    [InlineData("winner_model_a", "winner_model_a", "winner_tie")]
    [InlineData("model_a", "model_b", "neither")]
    public void AHeadForOtherLabels_IsLeftOut(string first, string second, string third)
    {
        using var folder = new ModelFolder("bert-tiny").Config(c => c["id2label"] = new JsonObject { ["0"] = first, ["1"] = second, ["2"] = third });
        using var model = PreferenceModel.Load(folder.Path, CPU, seed: 0);
        Assert.Equal(HeadOrigin.New, model.HeadOrigin);
    }

    [Theory]
    [InlineData("winner_tie", "winner_model_a", "winner_model_b", 1, 2, 0)]
    [InlineData("B", "tie", "A", 2, 0, 1)]
    [InlineData("model_a", "model_b", "tie", 0, 1, 2)]
    [InlineData("A wins", "Tie", "B wins", 0, 2, 1)]
    public void AHeadForTheOutcomes_IsPutInTheirOrderWithItsBias(string first, string second, string third, int a, int b, int tie)
    {
        using var scope = NewDisposeScope();
        using var folder = new ModelFolder("bert-tiny").Config(c => c["id2label"] = new JsonObject { ["0"] = first, ["1"] = second, ["2"] = third });
        using var model = PreferenceModel.Load(folder.Path, CPU, seed: 0);
        using var file = SafetensorsFile.Open(Torch.Fixture("bert-tiny", "model.safetensors"));
        var rows = tensor(new long[] { a, b, tie });
        Assert.Equal(HeadOrigin.Folder, model.HeadOrigin);
        Assert.True(model.HeadWeights[0].Value.Equals(file.Read("classifier.weight").index_select(0, rows)));
        Assert.True(model.HeadWeights[1].Value.Equals(file.Read("classifier.bias").index_select(0, rows)));
    }

    [Theory]
    [InlineData("bert-tiny", "bert.pooler.dense", "bert.pooler")]
    [InlineData("families/deberta-v3", "pooler.dense", "pooler")]
    public void APoolerThatIsMissing_IsNewAndPartOfTheHead(string fixture, string path, string module)
    {
        using var folder = new ModelFolder(fixture).Weights(tensors =>
            tensors.Where(t => !t.Key.StartsWith(path, StringComparison.Ordinal)).ToDictionary(t => t.Key, t => t.Value));
        using var model = PreferenceModel.Load(folder.Path, CPU, seed: 4);
        using var again = PreferenceModel.Load(folder.Path, CPU, seed: 4);
        Assert.DoesNotContain(model.Sites, site => site.Path == path);
        Assert.Equal([path + ".weight", path + ".bias", "classifier.weight", "classifier.bias"], model.HeadWeights.Select(w => w.Name));
        Assert.Equal(["classifier", module], model.SavedModules);
        Assert.True(model.HeadWeights[0].Value.Equals(again.HeadWeights[0].Value));
    }

    private static string Old(string name)
        => name.Replace("LayerNorm.weight", "LayerNorm.gamma", StringComparison.Ordinal).Replace("LayerNorm.bias", "LayerNorm.beta", StringComparison.Ordinal);

    private static ModelFolder With(string name, Tensor value)
        => new ModelFolder("bert-tiny").Weights(tensors => new Dictionary<string, Tensor>(tensors) { [name] = value });

    private static void AssertRefused(ModelFolder folder, string says)
        => Assert.Contains(says, Assert.Throws<ModelException>(() => PreferenceModel.Load(folder.Path, CPU, seed: 0)).Message, StringComparison.Ordinal);
}
