using System.Text.Json;
using LoraArena.Learning.Files;
using LoraArena.Learning.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Models;

/// <summary>Weights in all the forms that they come in, and in forms that must be refused.</summary>
public sealed class CheckpointWeightsTests
{
    private const string Query = "bert.encoder.layer.1.attention.self.query.weight";

    public static TheoryData<string> Models => ["bert-tiny", "llama-tiny"];

    [Theory]
    [MemberData(nameof(Models))]
    public void ACheckpointOfTheBareBackbone_LoadsAsOneWithAHead(string model)
    {
        using var scope = NewDisposeScope();
        using var folder = new ModelFolder(model).Weights(tensors => tensors
            .Where(t => t.Key.StartsWith(Prefix(model), StringComparison.Ordinal))
            .ToDictionary(t => t.Key[Prefix(model).Length..], t => t.Value));
        Assert.True(Pooled(folder.Path).Equals(Pooled(Torch.Fixture(model))));
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Shards_LoadAsOneFile(string model)
    {
        using var scope = NewDisposeScope();
        using var folder = Sharded(model, (name, i) => i % 3 == 0 ? "model-00001-of-00002.safetensors" : "model-00002-of-00002.safetensors");
        Assert.True(Pooled(folder.Path).Equals(Pooled(Torch.Fixture(model))));
    }

    [Theory]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Float64)]
    public void WeightsOfOtherTypes_AreComputedInFp32(ScalarType type)
    {
        using var scope = NewDisposeScope();
        using var folder = new ModelFolder("bert-tiny").Weights(tensors => tensors.ToDictionary(t => t.Key, t => t.Value.to(type)));
        using var model = PreferenceModel.Load(folder.Path, CPU, seed: 0);
        Assert.All(model.BaseWeights.Concat(model.HeadWeights), w => Assert.Equal(ScalarType.Float32, w.Value.dtype));
        Assert.InRange(Torch.RelativeError(Pooled(folder.Path), Pooled(Torch.Fixture("bert-tiny"))), 0, 0.05);
    }

    [Fact]
    public void AHeadOfThreeOutcomes_IsKept()
    {
        using var scope = NewDisposeScope();
        using var model = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 5);
        using var file = SafetensorsFile.Open(Torch.Fixture("bert-tiny", "model.safetensors"));
        Assert.True(model.HeadWeights[0].Value.Equals(file.Read("classifier.weight")));
        Assert.True(model.HeadWeights[1].Value.Equals(file.Read("classifier.bias")));
    }

    [Fact]
    public void AHeadOfAnotherTask_IsReplacedByANewOneThatTheSeedNames()
    {
        using var scope = NewDisposeScope();
        using var folder = new ModelFolder("bert-tiny").Weights(tensors =>
            new Dictionary<string, Tensor>(tensors) { ["classifier.weight"] = ones(2, 24), ["classifier.bias"] = ones(2) });
        using var first = PreferenceModel.Load(folder.Path, CPU, seed: 5);
        using var again = PreferenceModel.Load(folder.Path, CPU, seed: 5);
        using var other = PreferenceModel.Load(folder.Path, CPU, seed: 6);
        Assert.Equal([3L, 24L], first.HeadWeights[0].Shape);
        Assert.True(first.HeadWeights[0].Value.Equals(again.HeadWeights[0].Value));
        Assert.False(first.HeadWeights[0].Value.Equals(other.HeadWeights[0].Value));
        Assert.Equal(0, first.HeadWeights[1].Value.abs().max().ToSingle());

        // N(0, initializer_range²) of 72 numbers.
        Assert.InRange(first.HeadWeights[0].Value.std().ToSingle(), 0.014, 0.026);
    }

    [Fact]
    public void AMissingTensor_IsNamed()
    {
        using var folder = new ModelFolder("bert-tiny").Weights(tensors => tensors.Where(t => t.Key != Query).ToDictionary(t => t.Key, t => t.Value));
        AssertRefused(folder, $"the tensor '{Query}' is missing");
    }

    [Fact]
    public void ATensorOfAnotherShape_IsNamedWithBoth()
    {
        using var folder = new ModelFolder("bert-tiny").Weights(tensors => new Dictionary<string, Tensor>(tensors) { [Query] = ones(24, 23) });
        AssertRefused(folder, $"the tensor '{Query}' has shape [24, 23], but config.json makes it [24, 24]");
    }

    [Fact]
    public void AConfigWithMoreLayersThanTheFile_IsRefused()
    {
        using var folder = new ModelFolder("llama-tiny").Config(c => c["num_hidden_layers"] = 3);
        AssertRefused(folder, "the tensor 'model.layers.2.input_layernorm.weight' is missing");
    }

    [Fact]
    public void AFailedLoad_LeavesNoFileOpen()
    {
        using var folder = new ModelFolder("bert-tiny").Weights(tensors => tensors.Where(t => t.Key != Query).ToDictionary(t => t.Key, t => t.Value));
        AssertRefused(folder, "is missing");
        using var exclusive = new FileStream(Path.Join(folder.Path, "model.safetensors"), FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        Assert.True(exclusive.CanWrite);
    }

    [Theory]
    [InlineData("../../etc/passwd")]
    [InlineData("/etc/passwd")]
    [InlineData("..\\model.safetensors")]
    [InlineData("sub/model.safetensors")]
    [InlineData("file:///etc/passwd")]
    [InlineData(".")]
    [InlineData("")]
    [InlineData("a\\u0000b")]
    public void AnIndexThatNamesAFileElsewhere_IsRefused(string name)
    {
        var escaped = name.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\\\\u0000", "\\u0000", StringComparison.Ordinal);
        using var folder = new ModelFolder("bert-tiny").Remove("model.safetensors").Write("model.safetensors.index.json", $$$"""{"weight_map":{"x":"{{{escaped}}}"}}""");
        AssertRefused(folder, "which is not in this folder");
    }

    [Theory]
    [InlineData("{\"weight_map\":")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"weight_map\":[]}")]
    [InlineData("{\"weight_map\":{\"x\":1}}")]
    [InlineData("{\"weight_map\":{\"x\":null}}")]
    [InlineData("{\"weight_map\":{\"x\":\"\\ud800\"}}")]
    public void AnIndexOfAnotherForm_IsRefused(string content)
    {
        using var folder = new ModelFolder("bert-tiny").Remove("model.safetensors").Write("model.safetensors.index.json", content);
        AssertRefused(folder, "model.safetensors.index.json");
    }

    [Fact]
    public void AnIndexThatNamesAShardThatIsNotThere_IsRefused()
    {
        using var folder = Sharded("bert-tiny", (_, i) => i % 2 == 0 ? "a.safetensors" : "b.safetensors").Remove("b.safetensors");
        AssertRefused(folder, "names b.safetensors, which is missing");
    }

    [Fact]
    public void ATensorInTwoShards_IsRefused()
    {
        using var folder = new ModelFolder("bert-tiny").Weights(tensors =>
            new Dictionary<string, Dictionary<string, Tensor>> { ["a.safetensors"] = tensors, ["b.safetensors"] = new() { [Query] = tensors[Query] } })
            .Write("model.safetensors.index.json", """{"weight_map":{"x":"a.safetensors","y":"b.safetensors"}}""");
        AssertRefused(folder, $"the tensor '{Query}' is in two files, a.safetensors and b.safetensors");
    }

    [Theory]
    [InlineData("pytorch_model.bin")]
    [InlineData("model.pt")]
    public void AFolderWithAPickleOnly_IsRefused(string name)
    {
        using var folder = new ModelFolder("bert-tiny").Remove("model.safetensors").Write(name, "PK");
        AssertRefused(folder, $"there is {name}, but no model.safetensors: PyTorch pickles can run code and are never read");
    }

    [Fact]
    public void AFolderWithoutWeights_IsRefused()
    {
        using var folder = new ModelFolder("bert-tiny").Remove("model.safetensors");
        AssertRefused(folder, "no model.safetensors");
    }

    [Fact]
    public void NamesThatNobodyTakes_AreListed()
    {
        using var scope = NewDisposeScope();
        using var folder = new ModelFolder("bert-tiny").Weights(tensors => new Dictionary<string, Tensor>(tensors) { ["cls.predictions.bias"] = ones(97) });
        var (family, config) = ModelCatalog.Read(folder.Path);
        using var weights = new CheckpointWeights(folder.Path, family.Prefix);
        using var model = PreferenceModel.Build(family, config, weights, CPU, seed: 0);
        Assert.Equal(["cls.predictions.bias"], weights.NotTaken);
        Assert.Equal("F32", weights.Dtype);
    }

    private static string Prefix(string model) => model == "bert-tiny" ? "bert." : "model.";

    private static ModelFolder Sharded(string model, Func<string, int, string> fileOf)
    {
        var map = new Dictionary<string, string>();
        return new ModelFolder(model)
            .Weights(tensors =>
            {
                foreach (var (name, i) in tensors.Keys.Select((name, i) => (name, i))) map.Add(name, fileOf(name, i));
                return tensors.GroupBy(t => map[t.Key]).ToDictionary(g => g.Key, g => g.ToDictionary(t => t.Key, t => t.Value));
            })
            .Write("model.safetensors.index.json", JsonSerializer.Serialize(new { metadata = new { total_size = 0 }, weight_map = map }));
    }

    private static void AssertRefused(ModelFolder folder, string says)
        => Assert.Contains(says, Assert.Throws<ModelException>(() => PreferenceModel.Load(folder.Path, CPU, seed: 0)).Message, StringComparison.Ordinal);

    private static Tensor Pooled(string folder)
    {
        using var noGrad = no_grad();
        using var model = PreferenceModel.Load(folder, CPU, seed: 0);
        using var batch = TokenBatch.Create([[5, 6, 7, 8], [9, 10]], padId: 0, CPU);
        return model.Backbone.Pooled(batch, ForwardMode.Inference);
    }
}
