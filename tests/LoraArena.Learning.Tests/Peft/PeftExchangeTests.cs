using LoraArena.Learning.Files;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Peft;

/// <summary>
/// Adapters and merged models go to the real PEFT and Transformers, and adapters come from there: Fixtures/peft_exchange.py is called once
/// for all tests.
/// </summary>
public sealed class PeftExchangeTests(PeftExchange exchange) : IClassFixture<PeftExchange>
{
    private const double Tolerance = 1e-5;
    private const double Seen = 0.01;

    public static TheoryData<string> Models => [.. PeftExchange.Models];

    public static TheoryData<string, string> Accepted
        => Each("all-linear", "names", "longer-names", "expression", "gaussian", "orthogonal", "rslora", "patterns", "some-layers", "all-but");

    [Theory]
    [MemberData(nameof(Models))]
    public void AnAdapterOfOurs_GivesOurLogitsInPeft(string name)
    {
        using var scope = NewDisposeScope();
        using var theirs = exchange.Results(name);
        Assert.InRange(Torch.RelativeError(exchange.Ours(name), theirs.Read("adapter")), 0, Tolerance);

        // The negative control: without the adapter they are others.
        Assert.True(Torch.RelativeError(exchange.Ours(name), theirs.Read("base")) > Seen);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void AMergedModelOfOurs_GivesOurLogitsInTransformers(string name)
    {
        using var scope = NewDisposeScope();
        using var theirs = exchange.Results(name);
        Assert.InRange(Torch.RelativeError(exchange.Ours(name), theirs.Read("merged")), 0, Tolerance);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void AMergedModelOfOurs_IsReadHereToo(string name)
    {
        using var scope = NewDisposeScope();
        using var theirs = exchange.Results(name);
        using var merged = PreferenceModel.Load(exchange.At(name, "merged"), CPU, seed: 1);
        Assert.InRange(Torch.RelativeError(PeftExchange.Logits(merged, name), exchange.Ours(name)), 0, Tolerance);
    }

    [Theory]
    [MemberData(nameof(Accepted))]
    public void AnAdapterOfPefts_GivesItsLogitsHere(string name, string written)
    {
        using var scope = NewDisposeScope();
        using var theirs = exchange.Results(name);
        using var model = PreferenceModel.Load(Torch.Fixture(name), CPU, seed: 0);
        PeftFolder.Load(exchange.At(name, "written", written), model);
        Assert.InRange(Torch.RelativeError(PeftExchange.Logits(model, name), theirs.Read(written)), 0, Tolerance);
        Assert.True(Torch.RelativeError(PeftExchange.Logits(model, name), theirs.Read("base")) > Seen);
    }

    [Theory]
    [InlineData("refused-pissa", "'init_lora_weights' is \"pissa\"; supported is true or false or gaussian or orthogonal or eva")]
    [InlineData("refused-lora-bias", "'lora_bias' is true, which this variant does not do")]
    [InlineData("refused-unknown", "peft_type 'OF_TOMORROW' is not supported")]
    public void AnAdapterThatThisBuildCannotUse_IsRefused(string written, string sentence)
    {
        foreach (var name in PeftExchange.Models)
        {
            using var results = exchange.Results(name);
            using var model = PreferenceModel.Load(Torch.Fixture(name), CPU, seed: 0);
            var error = Assert.Throws<PeftException>(() => PeftFolder.Load(exchange.At(name, "written", written), model));
            Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
            Assert.StartsWith(exchange.At(name, "written", written, "adapter_config.json"), error.Message, StringComparison.Ordinal);
            Assert.Null(model.Adapted);
        }
    }

    private static TheoryData<string, string> Each(params string[] cases)
    {
        var data = new TheoryData<string, string>();
        foreach (var name in PeftExchange.Models)
        {
            foreach (var written in cases) data.Add(name, written);
        }

        return data;
    }
}

/// <summary>A trained adapter of each tiny model, written in both forms, and what the other end makes of it.</summary>
public sealed class PeftExchange : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Dictionary<string, Tensor> _ours = [];
    private bool _done;

    public static string[] Models => ["bert-tiny", "llama-tiny"];

    public string At(params string[] parts) => _folder.At(parts);

    /// <summary>Our logits of the trained model.</summary>
    public Tensor Ours(string name) => _ours[name];

    /// <summary>What PEFT and Transformers computed; the script runs at the first call.</summary>
    internal SafetensorsFile Results(string name)
    {
        if (!_done)
        {
            Places.Shared("python", "python");
            foreach (var model in Models) Prepare(model);
            Places.RunPython("peft_exchange.py", _folder.Path);
            _done = true;
        }

        return SafetensorsFile.Open(At(name, "logits.safetensors"));
    }

    /// <summary>Logits of the batch that the script was given.</summary>
    internal static Tensor Logits(PreferenceModel model, string name)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var expected = SafetensorsFile.Open(Torch.Fixture(name, "expected.safetensors"));
        using var batch = Torch.Batch(expected, 1).OnCpu();
        return model.Logits(batch, ForwardMode.Inference).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        foreach (var tensor in _ours.Values) tensor.Dispose();
        _folder.Dispose();
    }

    private void Prepare(string name)
    {
        Directory.CreateDirectory(At(name, "base"));
        foreach (var file in new[] { "config.json", "model.safetensors" }) File.Copy(Torch.Fixture(name, file), At(name, "base", file), overwrite: true);
        using var scope = NewDisposeScope();
        using (var expected = SafetensorsFile.Open(Torch.Fixture(name, "expected.safetensors")))
        {
            SafetensorsWriter.Write(
                At(name, "batch.safetensors"),
                new Dictionary<string, Tensor> { ["ids"] = expected.Read("1.ids"), ["lengths"] = expected.Read("1.lengths") });
        }

        using var model = PreferenceModel.Load(Torch.Fixture(name), CPU, seed: 3);
        model.Attach(VariantCatalog.Get("lora"), new LoraOptions { R = 3, LoraAlpha = 7 }, seed: 3);
        TinyTraining.Train(model, TinyTraining.Options with { MaxSteps = 20 });
        _ours.Add(name, Logits(model, name).DetachFromDisposeScope());
        PeftFolder.Write(At(name, "adapter"), model, At(name, "base"));
        MergedModel.Write(At(name, "merged"), model, At(name, "base"));
    }
}
