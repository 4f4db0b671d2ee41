using System.Text.Json;
using System.Text.Json.Nodes;
using LoraArena.Learning.Files;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Peft;

/// <summary>adapter_config.json and adapter_model.safetensors in forms that are read, and in forms that must be refused.</summary>
public sealed class PeftFolderTests : IDisposable
{
    private const string A = "base_model.model.bert.pooler.dense.lora_A.weight";
    private readonly TemporaryFolder _folder = new();

    public PeftFolderTests()
    {
        foreach (var name in new[] { "adapter_config.json", "adapter_model.safetensors" })
        {
            File.Copy(Torch.Fixture("bert-tiny", "adapter", name), _folder.At(name));
        }
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("lora_bias", "true")]
    [InlineData("use_qalora", "true")]
    [InlineData("fan_in_fan_out", "true")]
    [InlineData("target_parameters", "[\"x\"]")]
    [InlineData("trainable_token_indices", "[1]")]
    [InlineData("layer_replication", "[[0,1]]")]
    [InlineData("alora_invocation_tokens", "[1]")]
    [InlineData("layers_pattern", "[\"h\"]")]
    public void AFieldThatAsksForMore_IsRefusedByName(string field, string value)
    {
        Change(config => config[field] = JsonNode.Parse(value));
        AssertRefused($"'{field}' is {value}, which this variant does not do.");
    }

    [Theory]
    [InlineData("rank_pattern", "{}")]
    [InlineData("use_rslora", "false")]
    [InlineData("layers_to_transform", "null")]
    [InlineData("exclude_modules", "[]")]
    [InlineData("some_field_of_tomorrow", "null")]
    public void AFieldThatAsksForNothing_IsNoReasonToRefuse(string field, string value)
    {
        Change(config => config[field] = JsonNode.Parse(value));
        using var model = Loaded();
        Assert.Equal(13, model.Adapted!.Layers.Count);
    }

    [Theory]
    [InlineData("r", "0", "'r' is 0; a whole number from 1 to 65536 is needed")]
    [InlineData("r", "1.5", "'r' is 1.5; a whole number from 1 to 65536 is needed")]
    [InlineData("r", "\"4\"", "'r' is \"4\"; a whole number from 1 to 65536 is needed")]
    [InlineData("lora_alpha", "[]", "'lora_alpha' is []; a number is needed")]
    [InlineData("bias", "\"some\"", "'bias' is \"some\"; supported is none or all or lora_only")]
    [InlineData("init_lora_weights", "\"pissa_niter_4\"", "'init_lora_weights' is \"pissa_niter_4\"; supported is true or false or gaussian or orthogonal or eva")]
    [InlineData("peft_type", "\"XLORA\"", "peft_type 'XLORA' is not supported")]
    [InlineData("peft_type", "null", "there is no peft_type")]
    [InlineData("exclude_modules", "[1]", "'exclude_modules' must be text or a list of texts")]
    [InlineData("layers_to_transform", "[\"0\"]", "'layers_to_transform' is [\"0\"]; a layer's number or a list of them is needed")]
    [InlineData("use_rslora", "1", "'use_rslora' is 1; true or false is needed")]
    [InlineData("rank_pattern", "8", "'rank_pattern' is 8; an object is needed")]
    [InlineData("target_modules", "null", "there is no target_modules, so the adapted layers are not known")]
    [InlineData("target_modules", "[1]", "'target_modules' must be text or a list of texts")]
    [InlineData("target_modules", "[]", "target_modules '' matches none of the model's linear layers; it has")]
    [InlineData("target_modules", "[\"q_proj\"]", "target_modules names 'q_proj', but no linear layer's path ends in it; the model has")]
    public void AFieldThatCannotBe_IsRefusedByName(string field, string value, string sentence)
    {
        Change(config => config[field] = JsonNode.Parse(value));
        AssertRefused(sentence);
    }

    [Theory]
    [InlineData("[]", "it is not a JSON object")]
    [InlineData("{", "it cannot be read")]
    [InlineData("", "it cannot be read")]
    public void AConfigThatIsNoJsonObject_IsRefused(string content, string sentence)
    {
        _folder.Write("adapter_config.json", content);
        AssertRefused(sentence);
    }

    [Fact]
    public void AFolderWithoutAConfig_IsRefused()
    {
        File.Delete(_folder.At("adapter_config.json"));
        AssertRefused("adapter_config.json: it cannot be read");
    }

    [Fact]
    public void MissingFields_MeanWhatPeftMeans()
    {
        // PEFT's defaults: r 8, lora_alpha 8. The fixture's tensors have rank 4, so the shapes tell.
        Change(config => config.Remove("r"));
        AssertRefused("has shape [4, 24]; [8, 24] is needed");
        Change(config => config["r"] = 4);
        using var six = Loaded();
        Change(config => config.Remove("lora_alpha"));
        using var eight = Loaded();
        using var scope = NewDisposeScope();
        Assert.InRange(Torch.RelativeError(eight.Adapted!.Layers[0].DeltaWeight(), six.Adapted!.Layers[0].DeltaWeight() * (8.0 / 6)), 0, 1e-6);
    }

    [Fact]
    public void AMissingTensor_IsNamed()
    {
        Weights(tensors => tensors.Remove(A));
        AssertRefused($"the tensor '{A}' is missing");
    }

    [Fact]
    public void ATensorThatHasNoPlace_IsNamed()
    {
        Weights(tensors => tensors.Add("base_model.model.bert.pooler.dense.lora_magnitude_vector", ones(24)));
        AssertRefused("the tensor 'base_model.model.bert.pooler.dense.lora_magnitude_vector' has no place in this model");
    }

    [Fact]
    public void ATensorOfAnotherShape_IsNamedWithBoth()
    {
        Weights(tensors => tensors[A] = ones(4, 23));
        AssertRefused($"the tensor '{A}' has shape [4, 23]; [4, 24] is needed");
    }

    [Fact]
    public void AnAdapterOfAnotherModel_IsRefused()
    {
        using var model = PreferenceModel.Load(Torch.Fixture("llama-tiny"), CPU, seed: 0);
        Assert.Contains(
            "no linear layer's path ends in it", Assert.Throws<PeftException>(() => PeftFolder.Load(_folder.Path, model)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void TensorsOfOtherTypes_BecomeFp32()
    {
        Weights(tensors =>
        {
            foreach (var (name, value) in tensors.ToList()) tensors[name] = value.to(ScalarType.BFloat16);
        });
        using var model = Loaded();
        Assert.All(model.TrainableWeights, w => Assert.Equal(ScalarType.Float32, w.Value.dtype));
    }

    [Fact]
    public void WhatIsWritten_HasPeftsFieldsInOrder()
    {
        using var model = Loaded();
        PeftFolder.Write(_folder.At("out"), model, "the base");
        var config = JsonDocument.Parse(File.ReadAllBytes(_folder.At("out", "adapter_config.json"))).RootElement;
        Assert.Equal(config.EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal), config.EnumerateObject().Select(p => p.Name));
        Assert.Equal("LORA", config.GetProperty("peft_type").GetString());
        Assert.Equal("SEQ_CLS", config.GetProperty("task_type").GetString());
        Assert.Equal("the base", config.GetProperty("base_model_name_or_path").GetString());
        Assert.Equal("classifier", Assert.Single(config.GetProperty("modules_to_save").EnumerateArray()).GetString());
        Assert.Equal(
            (4, 6.0, 0.1),
            (config.GetProperty("r").GetInt32(), config.GetProperty("lora_alpha").GetDouble(), config.GetProperty("lora_dropout").GetDouble()));

        // Every field that is written is one that PEFT has: the fixture's config is its own list of them.
        var known = JsonDocument.Parse(File.ReadAllBytes(_folder.At("adapter_config.json"))).RootElement;
        Assert.All(config.EnumerateObject(), field => Assert.True(known.TryGetProperty(field.Name, out _), field.Name));
    }

    [Fact]
    public void AModelThatCarriesAnAdapter_TakesNoSecondOne()
    {
        using var model = Loaded();
        Assert.Throws<InvalidOperationException>(() => model.Attach(VariantCatalog.Get("lora"), new LoraOptions(), seed: 0));
        Assert.Throws<InvalidOperationException>(() =>
        {
            using var plain = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 0);
            PeftFolder.Write(_folder.At("none"), plain, "x");
        });
        Assert.False(Directory.Exists(_folder.At("none")));
    }

    private PreferenceModel Loaded()
    {
        var model = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 0);
        PeftFolder.Load(_folder.Path, model);
        return model;
    }

    private void AssertRefused(string sentence)
    {
        using var model = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 0);
        var error = Assert.Throws<PeftException>(() => PeftFolder.Load(_folder.Path, model));
        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
        Assert.StartsWith(_folder.Path, error.Message, StringComparison.Ordinal);
    }

    private void Change(Action<JsonObject> change)
    {
        var config = JsonNode.Parse(File.ReadAllBytes(_folder.At("adapter_config.json")))!.AsObject();
        change(config);
        _folder.Write("adapter_config.json", config.ToJsonString());
    }

    private void Weights(Action<Dictionary<string, Tensor>> change)
    {
        using var scope = NewDisposeScope();
        var path = _folder.At("adapter_model.safetensors");
        Dictionary<string, Tensor> tensors;
        using (var file = SafetensorsFile.Open(path)) tensors = file.Entries.ToDictionary(e => e.Name, e => file.Read(e.Name));
        change(tensors);
        SafetensorsWriter.Write(path, tensors);
    }
}
