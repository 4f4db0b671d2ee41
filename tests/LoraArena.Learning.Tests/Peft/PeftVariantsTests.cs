using System.Runtime.ExceptionServices;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Files;
using LoraArena.Learning.Models;
using LoraArena.Learning.Packing;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Peft;

/// <summary>
/// Every variant against the real PEFT and Transformers: adapters in both directions, merged models, and eight steps of training from a common
/// start. Fixtures/peft_variants.py is called once for all tests; what it exchanges is what the variants' test files declare.
/// </summary>
public sealed class PeftVariantsTests(PeftVariants exchange) : IClassFixture<PeftVariants>
{
    private const double Tolerance = 1e-5;
    private const double Seen = 0.003;

    public static TheoryData<string> Models => [.. PeftExchange.Models];

    public static TheoryData<string, string> Cases => Each(PeftCaseAttribute.All.Select(c => c.Name), VariantOf);

    public static TheoryData<string, string> Trained => Each(PeftCaseAttribute.All.Where(c => c.Trains).Select(c => c.Name), VariantOf);

    public static TheoryData<string, string> Ours => Each(PeftVariants.WithPeft, variant => variant);

    public static TheoryData<string, string> All => Each(VariantCatalog.All.Values.Where(v => v.Info.CanMerge).Select(v => v.Info.Id), variant => variant);

    [Theory]
    [MemberData(nameof(Ours))]
    public void AnAdapterOfOurs_GivesOurLogitsInPeft(string name, string variant)
    {
        using var scope = NewDisposeScope();
        using var theirs = exchange.Results(name);
        Assert.InRange(Torch.RelativeError(exchange.OurLogits(name, variant), theirs.Read("ours." + variant)), 0, Tolerance);

        // The negative control: without the adapter they are others.
        Assert.True(Torch.RelativeError(exchange.OurLogits(name, variant), theirs.Read("base")) > Seen);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void AMergedModelOfOurs_GivesOurLogitsInTransformers(string name, string variant)
    {
        using var scope = NewDisposeScope();
        using var theirs = exchange.Results(name);
        Assert.InRange(Torch.RelativeError(exchange.OurLogits(name, variant), theirs.Read("merged." + variant)), 0, Tolerance);
        Assert.True(Torch.RelativeError(exchange.OurLogits(name, variant), theirs.Read("base")) > Seen);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void AnAdapterOfPefts_GivesItsLogitsHere(string name, string written)
    {
        using var scope = NewDisposeScope();
        using var theirs = exchange.Results(name);
        using var model = exchange.Written(name, written);
        Assert.Equal(PeftCaseAttribute.All.Single(c => c.Name == written).Variant, model.Adapted!.Variant.Info.Id);
        Assert.InRange(Torch.RelativeError(PeftExchange.Logits(model, name), theirs.Read("written." + written)), 0, Tolerance);
        Assert.True(Torch.RelativeError(PeftExchange.Logits(model, name), theirs.Read("base")) > Seen);
    }

    [Theory]
    [MemberData(nameof(Trained))]
    public void TrainingGoesAsInPeft(string name, string written)
    {
        using var scope = NewDisposeScope();
        using var theirs = exchange.Results(name);
        using var model = exchange.Written(name, written);
        var options = PeftVariants.Training with { LearningRate = PeftCaseAttribute.All.Single(c => c.Name == written).LearningRate };
        var losses = TinyTraining.Train(model, options).Select(report => report.Loss).ToArray();
        var expected = theirs.Read("losses." + written).data<float>().ToArray();

        // Rounding grows from step to step.
        for (var step = 0; step < losses.Length; step++) Assert.InRange(Math.Abs(losses[step] - expected[step]) / expected[step], 0, (step + 1) * Tolerance);

        // Adam turns rounding of gradients near zero into steps, so what eight of them lead to is nearly but not quite the same.
        Assert.InRange(Torch.RelativeError(PeftExchange.Logits(model, name), theirs.Read("trained." + written)), 0, 1e-3);
        Assert.True(Torch.RelativeError(theirs.Read("trained." + written), theirs.Read("written." + written)) > Seen);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void AnotherTraining_IsToldApart(string name)
    {
        // The negative control of the test above: a learning rate a hundredth higher is seen.
        using var scope = NewDisposeScope();
        using var theirs = exchange.Results(name);
        using var model = exchange.Written(name, "lora");
        var losses = TinyTraining.Train(
            model, PeftVariants.Training with { LearningRate = 1.01 * PeftCaseAttribute.All.Single(c => c.Name == "lora").LearningRate })
            .Select(report => report.Loss)
            .ToArray();
        var expected = theirs.Read("losses.lora").data<float>().ToArray();
        Assert.Contains(Enumerable.Range(0, losses.Length), step => Math.Abs(losses[step] - expected[step]) / expected[step] > 3 * (step + 1) * Tolerance);
    }

    private static string VariantOf(string written) => PeftCaseAttribute.All.Single(c => c.Name == written).Variant;

    private static TheoryData<string, string> Each(IEnumerable<string> cases, Func<string, string> variantOf)
    {
        var data = new TheoryData<string, string>();
        foreach (var name in PeftExchange.Models)
        {
            foreach (var written in cases.Where(c => TinyVariant.Of(variantOf(c)).Fits(name))) data.Add(name, written);
        }

        return data;
    }
}

/// <summary>A trained adapter of every variant on each tiny model, and what PEFT and Transformers make of it.</summary>
public sealed class PeftVariants : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Dictionary<(string Model, string Variant), Tensor> _ours = [];
    private bool _done;
    private ExceptionDispatchInfo? _failure;

    /// <summary>Variants whose adapters PEFT reads.</summary>
    public static IEnumerable<string> WithPeft => VariantCatalog.All.Values.Where(v => v.Info.PeftType is not null).Select(v => v.Info.Id);

    /// <summary>The training that is compared.</summary>
    internal static TrainingOptions Training { get; } =
        TinyTraining.Options with { SwapInTraining = false, WeightDecay = 0, MaxGradNorm = 0, WarmupRatio = 0.25 };

    /// <summary>Our logits of a variant's trained model.</summary>
    public Tensor OurLogits(string name, string variant) => _ours[(name, variant)];

    /// <summary>What PEFT and Transformers computed; the script runs at the first call.</summary>
    internal SafetensorsFile Results(string name)
    {
        // What fails or is skipped once does so for every test, instead of taking the time again.
        _failure?.Throw();
        try
        {
            Exchange();
        }
        catch (Exception error)
        {
            _failure = ExceptionDispatchInfo.Capture(error);
            throw;
        }

        return SafetensorsFile.Open(_folder.At(name, "results.safetensors"));
    }

    private void Exchange()
    {
        if (!_done)
        {
            Places.Shared("python", "python");
            foreach (var model in PeftExchange.Models) Prepare(model);
            var cases = PeftCaseAttribute.All.Select(c => (JsonNode)new JsonObject
            {
                ["name"] = c.Name,
                ["config"] = c.Config,
                ["options"] = JsonNode.Parse(c.Options),
                ["spread"] = c.Spread,
                ["trains"] = c.Trains,
                ["learning_rate"] = c.LearningRate,
            });
            _folder.Write("manifest.json", new JsonObject
            {
                ["models"] = new JsonArray([.. PeftExchange.Models.Select(m => (JsonNode)m)]),
                ["cases"] = new JsonArray([.. cases]),
            }.ToJsonString());
            Places.RunPython("peft_variants.py", _folder.Path);
            _done = true;
        }
    }

    /// <summary>A model with an adapter that PEFT has written.</summary>
    internal PreferenceModel Written(string name, string written)
    {
        var model = PreferenceModel.Load(Torch.Fixture(name), CPU, seed: 0);
        PeftFolder.Load(_folder.At(name, "written", written), model);
        return model;
    }

    public void Dispose()
    {
        foreach (var tensor in _ours.Values) tensor.Dispose();
        _folder.Dispose();
    }

    private void Prepare(string name)
    {
        foreach (var part in new[] { "base", "ours", "merged" }) Directory.CreateDirectory(_folder.At(name, part));
        foreach (var file in new[] { "config.json", "model.safetensors" })
        {
            File.Copy(Torch.Fixture(name, file), _folder.At(name, "base", file), overwrite: true);
        }

        using var scope = NewDisposeScope();
        using (var expected = SafetensorsFile.Open(Torch.Fixture(name, "expected.safetensors")))
        {
            SafetensorsWriter.Write(
                _folder.At(name, "batch.safetensors"),
                new Dictionary<string, Tensor> { ["ids"] = expected.Read("1.ids"), ["lengths"] = expected.Read("1.lengths") });
        }

        SafetensorsWriter.Write(_folder.At(name, "training.safetensors"), Batches());
        foreach (var variant in VariantCatalog.All.Keys.Where(variant => TinyVariant.Of(variant).Fits(name)))
        {
            using var model = TinyTraining.Model(name, variant);
            TinyTraining.Train(model, TinyTraining.OptionsFor(variant) with { MaxSteps = 12 });
            _ours.Add((name, variant), PeftExchange.Logits(model, name).DetachFromDisposeScope());
            if (WithPeft.Contains(variant)) PeftFolder.Write(_folder.At(name, "ours", variant), model, "base");
            if (VariantCatalog.Get(variant).Info.CanMerge) MergedModel.Write(_folder.At(name, "merged", variant), model, _folder.At(name, "base"));
        }
    }

    // The batches of the training, as the trainer makes them.
    private static Dictionary<string, Tensor> Batches()
    {
        var (packer, battles) = (TinyTraining.Packer(), TinyTraining.Battles(18));
        var packed = battles.Select(battle => packer.Pack(battle, swap: false)).ToList();
        var perEpoch = EpochPlan.Steps(battles.Count, Training.BatchSize);
        var steps = Training.MaxSteps!.Value;
        var schedule = new LinearSchedule(1, steps, Training.WarmupRatio);
        var tensors = new Dictionary<string, Tensor> { ["rates"] = tensor(Enumerable.Range(0, (int)steps).Select(step => schedule.At(step)).ToArray()) };
        for (var step = 0; step < steps; step++)
        {
            var rows = EpochPlan.Batches([.. packed.Select(p => p.Length)], Training.BatchSize, Training.Seed, step / perEpoch)[(int)(step % perEpoch)];
            var longest = rows.Max(row => packed[row].Length);
            tensors[$"{step}.ids"] = Table(row => [.. packed[row].Ids.Select(id => (long)id)]);
            tensors[$"{step}.mask"] = Table(row => [.. packed[row].Ids.Select(_ => 1L)]);
            tensors[$"{step}.segments"] = Table(row => [.. Enumerable.Range(0, longest).Select(at => at < packed[row].StartOfB ? 0L : 1L)]);
            tensors[$"{step}.labels"] = tensor(rows.Select(row => (long)battles[row].Winner!.Value).ToArray());

            Tensor Table(Func<int, long[]> of) =>
                tensor(rows.SelectMany(row => of(row).Concat(Enumerable.Repeat(0L, longest)).Take(longest)).ToArray(), [rows.Length, longest]);
        }

        return tensors;
    }
}
