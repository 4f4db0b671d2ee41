using System.Text.Json.Nodes;
using LoraArena.Learning.Files;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Tests.Models;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Peft;

/// <summary>
/// Exports of every family go to the real Transformers and PEFT, by the lines of their README: Fixtures/families_exchange.py is called once
/// for all.
/// </summary>
public sealed class FamilyExportTests(FamilyExports exports) : IClassFixture<FamilyExports>
{
    private const double Tolerance = 2e-5;
    private const double Seen = 0.01;

    public static TheoryData<string> Cases => [.. FamilyExports.Names];

    [Theory]
    [MemberData(nameof(Cases))]
    public void TheAdapterAndTheMergedModel_GiveOurLogitsThere(string name)
    {
        using var scope = NewDisposeScope();
        using var theirs = exports.Results(name);
        Assert.InRange(Torch.RelativeError(theirs.Read("adapter"), exports.Ours(name)), 0, Tolerance);
        Assert.InRange(Torch.RelativeError(theirs.Read("merged"), exports.Ours(name)), 0, Tolerance);

        // The negative control: without the adapter they are others.
        Assert.True(Torch.RelativeError(theirs.Read("base"), exports.Ours(name)) > Seen);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void TheMergedModel_IsReadHereWithItsHead(string name)
    {
        using var scope = NewDisposeScope();
        using var theirs = exports.Results(name);
        using var merged = PreferenceModel.Load(exports.At(name, "merged"), CPU, seed: 9);
        Assert.Equal(HeadOrigin.Folder, merged.HeadOrigin);
        Assert.InRange(Torch.RelativeError(FamilyExports.Logits(merged, name), exports.Ours(name)), 0, Tolerance);
    }

    [Fact]
    public void AnExport_CarriesNothingOfItsPast()
    {
        using var results = exports.Results("llama-3");
        var config = JsonNode.Parse(File.ReadAllBytes(exports.At("llama-3", "merged", "config.json")))!.AsObject();
        foreach (var field in new[] { "problem_type", "_name_or_path", "torch_dtype" }) Assert.False(config.ContainsKey(field), field);
        Assert.Equal(FamilyExports.Pad, (int)config["pad_token_id"]!);
        var adapter = JsonNode.Parse(File.ReadAllBytes(exports.At("llama-3", "adapter", "adapter_config.json")))!.AsObject();
        Assert.Equal("base", (string)adapter["base_model_name_or_path"]!);
        foreach (var file in new[] { "adapter", "merged" }.SelectMany(export => Directory.EnumerateFiles(exports.At("llama-3", export))).Where(f => f.EndsWith(".json", StringComparison.Ordinal)
            || f.EndsWith(".md", StringComparison.Ordinal)))
        {
            Assert.DoesNotContain(Path.GetTempPath(), File.ReadAllText(file), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void AModelThatPoolsTheMean_SaysSoAndIsReadAsSuch()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var folder = new TemporaryFolder();
        using var model = PreferenceModel.Load(Torch.Fixture("families", "qwen3"), CPU, seed: 0, Pooling.Mean);
        var ours = FamilyExports.Logits(model, "qwen3");
        MergedModel.Write(folder.At("merged"), model, Torch.Fixture("families", "qwen3"));
        using var again = PreferenceModel.Load(folder.At("merged"), CPU, seed: 1);
        Assert.Equal(Pooling.Mean, again.Config.Pooling);
        Assert.InRange(Torch.RelativeError(FamilyExports.Logits(again, "qwen3"), ours), 0, 1e-6);
        Assert.Contains("which Qwen3ForSequenceClassification does not do", File.ReadAllText(folder.At("merged", "README.md")), StringComparison.Ordinal);
    }
}

/// <summary>A random adapter and head on each family, written in both forms, and what the other end makes of them.</summary>
public sealed class FamilyExports : IDisposable
{
    /// <summary>
    /// Not the base's own, and no token of the batches: Transformers takes a row's last token that is not padding for its end, so a row that ends with this
    /// id would be read one token short there.
    /// </summary>
    public const int Pad = 2;

    private readonly TemporaryFolder _folder = new();
    private readonly Dictionary<string, Tensor> _ours = [];
    private readonly Lazy<bool> _exchange;

    /// <summary>Nothing is done before it is needed; a failure is not tried again by each test.</summary>
    public FamilyExports() => _exchange = new Lazy<bool>(Exchange);

    public static string[] Names
        => ["llama-3", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "roberta", "xlm-roberta", "deberta-v3", "deberta-v2", "bert-relu"];

    public string At(params string[] parts) => _folder.At(parts);

    /// <summary>Our logits.</summary>
    public Tensor Ours(string name) => _ours[name];

    internal SafetensorsFile Results(string name)
    {
        Places.Shared("python", "python");
        Assert.True(_exchange.Value);
        return SafetensorsFile.Open(At(name, "logits.safetensors"));
    }

    internal static Tensor Logits(PreferenceModel model, string name)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var expected = SafetensorsFile.Open(Torch.Fixture("families", name, "expected.safetensors"));
        using var batch = Torch.Batch(expected, 0).OnCpu();
        return model.Logits(batch, ForwardMode.Inference).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        foreach (var tensor in _ours.Values) tensor.Dispose();
        _folder.Dispose();
    }

    private bool Exchange()
    {
        foreach (var name in Names) Prepare(name);
        Places.RunPython("families_exchange.py", _folder.Path);
        return true;
    }

    // The base as such models come: its head for another task, and without the pooler that DeBERTa's and BERT's may lack.
    private void Prepare(string name)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var source = Path.Join("families", name);
        using var folder = new ModelFolder(source)
            .Config(config =>
            {
                config["problem_type"] = "multi_label_classification";
                config["_name_or_path"] = _folder.Path;
                config["id2label"] = new JsonObject { ["0"] = "no", ["1"] = "yes" };
                config["label2id"] = new JsonObject { ["no"] = 0, ["yes"] = 1 };
            })
            .Weights(tensors => tensors.Where(t => !t.Key.Contains("pooler", StringComparison.Ordinal)
                && !t.Key.StartsWith("classifier", StringComparison.Ordinal)
                && !t.Key.StartsWith("score", StringComparison.Ordinal)).ToDictionary(t => t.Key, t => t.Value));
        using (var expected = SafetensorsFile.Open(Torch.Fixture(source, "expected.safetensors")))
        {
            Directory.CreateDirectory(At(name, "adapter", "base"));
            SafetensorsWriter.Write(
                At(name, "batch.safetensors"),
                new Dictionary<string, Tensor> { ["ids"] = expected.Read("0.ids"), ["lengths"] = expected.Read("0.lengths") });
        }

        foreach (var file in new[] { "config.json", "model.safetensors" }) File.Copy(Path.Join(folder.Path, file), At(name, "adapter", "base", file));
        using var model = PreferenceModel.Load(folder.Path, CPU, seed: 3);
        Assert.Equal(HeadOrigin.New, model.HeadOrigin);
        model.Attach(VariantCatalog.Get("lora"), new LoraOptions { R = 3, LoraAlpha = 7 }, seed: 3);
        manual_seed(3);
        foreach (var weight in model.Adapted!.Weights.Select(w => w.Weight).Concat(model.HeadWeights)) weight.Value.normal_(0, 0.3);
        _ours.Add(name, Logits(model, name).DetachFromDisposeScope());
        var pad = model.Family.Kind == ModelKind.Decoder ? Pad : model.Config.PadTokenId!.Value;
        PeftFolder.Write(At(name, "adapter"), model, "base");
        ExportReadMe.WriteOfAdapter(At(name, "adapter"), model, "base", pad);
        MergedModel.Write(At(name, "merged"), model, folder.Path, pad);
    }
}
