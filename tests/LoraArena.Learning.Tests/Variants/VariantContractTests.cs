using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Files;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Variants;

/// <summary>What every variant of the catalog has to keep, each on an encoder and a decoder. A new variant is held by it without a change here.</summary>
public sealed class VariantContractTests
{
    // fp32; other kernels add in another order.
    private const double Tolerance = 1e-5;

    // What a change that matters makes at least.
    private const double Seen = 1e-3;

    public static TheoryData<string, string> Cases
    {
        get
        {
            var cases = new TheoryData<string, string>();
            foreach (var variant in VariantCatalog.All.Keys)
            {
                foreach (var model in new[] { "bert-tiny", "llama-tiny" }.Where(model => TinyVariant.Of(variant).Fits(model))) cases.Add(variant, model);
            }

            return cases;
        }
    }

    private static Dictionary<string, VariantDescription> Described { get; } = VariantCatalog.Describe().ToDictionary(d => d.Id, StringComparer.Ordinal);

    public static TheoryData<string> Variants => [.. VariantCatalog.All.Keys];

    [Theory]
    [MemberData(nameof(Cases))]
    public void ANewAdapter_LeavesTheModelAsItIs(string variant, string fixture)
    {
        using var scope = NewDisposeScope();
        using var plain = PreferenceModel.Load(Torch.Fixture(fixture), CPU, seed: 3);
        using var model = TinyTraining.Started(TinyTraining.Model(fixture, variant));
        var error = Torch.RelativeError(TinyTraining.Logits(model), TinyTraining.Logits(plain));
        if (VariantCatalog.Get(variant).Info.StartsAsIdentity) Assert.InRange(error, 0, Tolerance);
        else Assert.True(error > Tolerance, "it says that it does not start as the identity, but it does");

        // And it does act: a trained one does not leave the model as it is, whatever the head does.
        using var trained = TrainedModels.Load(fixture, variant);
        CopyHead(from: plain, to: trained);
        Assert.True(Torch.RelativeError(TinyTraining.Logits(trained), TinyTraining.Logits(plain)) > Seen);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Merging_KeepsTheLogits(string variant, string fixture)
    {
        Assert.SkipUnless(VariantCatalog.Get(variant).Info.CanMerge, "The method is no other weight of the model.");
        using var scope = NewDisposeScope();
        using var plain = PreferenceModel.Load(Torch.Fixture(fixture), CPU, seed: 3);
        using var model = TrainedModels.Load(fixture, variant);
        var adapted = TinyTraining.Logits(model);
        CopyHead(from: model, to: plain);
        Assert.True(Torch.RelativeError(TinyTraining.Logits(plain), adapted) > Seen, "the adapter does nothing that merging could lose");

        model.Merge();
        Assert.Null(model.Adapted);
        Assert.All(model.Sites, site => Assert.Null(site.Adapter));
        Assert.InRange(Torch.RelativeError(TinyTraining.Logits(model), adapted), 0, Tolerance);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Training_MovesWhatItTrainsAndNothingElse(string variant, string fixture)
    {
        using var model = TinyTraining.Started(TinyTraining.Model(fixture, variant));
        var trains = model.TrainableWeights.ToHashSet();
        var moves = VariantCatalog.Get(variant).Info.MovesBaseInTraining ? model.Adapted!.Layers.Select(l => l.Site.Weight).ToHashSet() : [];

        // What only checkpoints hold may change: methods keep notes there.
        List<Weight> still = [.. model.BaseWeights.Concat(model.Adapted!.Weights.Where(w => w.Exported).Select(w => w.Weight))
            .Where(w => !trains.Contains(w) && !moves.Contains(w))
            .Distinct()];
        var (frozen, trained) = (TinyTraining.Bytes(still), TinyTraining.Bytes(model.TrainableWeights));
        TinyTraining.Train(model, TinyTraining.OptionsFor(variant));
        Assert.Equal(frozen, TinyTraining.Bytes(still));
        Assert.All(
            TinyTraining.Bytes(model.TrainableWeights),
            after => Assert.False(trained[after.Key].AsSpan().SequenceEqual(after.Value), after.Key + " did not move"));
        Assert.All(still, w => Assert.False(w.Value.requires_grad, w.Name));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void WithoutItsAdapter_AModelIsTheBaseModel(string variant, string fixture)
    {
        using var scope = NewDisposeScope();
        using var plain = PreferenceModel.Load(Torch.Fixture(fixture), CPU, seed: 3);
        using var model = TrainedModels.Load(fixture, variant);
        Assert.SkipWhen(model.Adapted!.Layers.Count == 0, "The method trains the model's own weights.");
        CopyHead(from: plain, to: model);
        Assert.True(Torch.RelativeError(TinyTraining.Logits(model), TinyTraining.Logits(plain)) > Seen);
        model.Adapted!.Detach();

        // Bit for bit, but where the method had moved the base itself: what is subtracted and added again is rounded.
        if (VariantCatalog.Get(variant).Info.MovesBase)
        {
            Assert.InRange(Torch.RelativeError(TinyTraining.Logits(model), TinyTraining.Logits(plain)), 0, Tolerance);
        }
        else Assert.True(TinyTraining.Logits(model).Equals(TinyTraining.Logits(plain)));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void TheNumberOfParameters_IsThatOfTheFormula(string variant, string fixture)
    {
        var method = VariantCatalog.Get(variant);
        using var model = TinyTraining.Model(fixture, variant);
        List<SiteShape> sites = [.. model.Adapted!.Layers.Select(layer => layer.Site.Shape)];
        var adapter = sites.Sum(site => method.ParametersOf(site, model.Adapted.Options)) + method.SharedParametersOf(model, sites, model.Adapted.Options);
        Assert.Equal(adapter, model.Adapted.Weights.Where(w => w.Trained).Sum(w => w.Weight.Count));
        using var trainer = new Trainer(model, TinyTraining.Packer(), TinyTraining.Battles(6), TinyTraining.Options);
        Assert.Equal(adapter + model.HeadWeights.Sum(w => w.Count), trainer.TrainableParameters);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void ASavedAdapter_IsReadBackAsItWas(string variant, string fixture)
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var model = TrainedModels.Load(fixture, variant);
        PeftFolder.Write(folder.At("first"), model, fixture);

        using var again = PreferenceModel.Load(Torch.Fixture(fixture), CPU, seed: 99);
        Assert.True(Torch.RelativeError(TinyTraining.Logits(again), TinyTraining.Logits(model)) > Seen);
        PeftFolder.Load(folder.At("first"), again);

        // The same numbers elsewhere in memory: kernels may add them in another order.
        Assert.InRange(Torch.RelativeError(TinyTraining.Logits(again), TinyTraining.Logits(model)), 0, Tolerance);
        Assert.Equal(TinyTraining.Bytes(model.HeadWeights), TinyTraining.Bytes(again.HeadWeights));

        PeftFolder.Write(folder.At("second"), again, fixture);
        Assert.Equal(File.ReadAllBytes(folder.At("first", "adapter_model.safetensors")), File.ReadAllBytes(folder.At("second", "adapter_model.safetensors")));

        // A run's own folder gives the method itself back, with all that it had in memory, and exports to the same file.
        RunAdapter.Write(folder.At("own"), model, fixture);
        using var own = PreferenceModel.Load(Torch.Fixture(fixture), CPU, seed: 99);
        RunAdapter.Load(folder.At("own"), own, model.Adapted!.Variant, model.Adapted.Options, seed: 3);
        Assert.Equal(variant, own.Adapted!.Variant.Info.Id);
        Assert.InRange(Torch.RelativeError(TinyTraining.Logits(own), TinyTraining.Logits(model)), 0, Tolerance);
        Assert.Equal(TinyTraining.Bytes(PeftFolder.Weights(model).Select(w => w.Weight)), TinyTraining.Bytes(PeftFolder.Weights(own).Select(w => w.Weight)));
        PeftFolder.Write(folder.At("third"), own, fixture);
        Assert.Equal(File.ReadAllBytes(folder.At("first", "adapter_model.safetensors")), File.ReadAllBytes(folder.At("third", "adapter_model.safetensors")));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void ATrainingThatGoesOnFromACheckpoint_EndsLikeOneThatNeverStopped(string variant, string fixture)
    {
        // With dropout and swapped rows, so that all that is random is in it.
        var options = TinyTraining.OptionsFor(variant) with { HiddenDropout = 0.2, AttentionDropout = 0.1 };
        using var scope = NewDisposeScope();
        using var whole = TinyTraining.Model(fixture, variant);
        var losses = TinyTraining.Train(whole, options);

        using var folder = new TemporaryFolder();
        using (var first = TinyTraining.Model(fixture, variant))
        {
            using var trainer = new Trainer(first, TinyTraining.Packer(), TinyTraining.Battles(18), options);
            Assert.Equal(losses.Take(5), TinyTraining.Run(trainer, 5));
            PeftFolder.WriteCheckpoint(folder.Path, first);
            SafetensorsWriter.Write(folder.At("optimizer.safetensors"), trainer.OptimizerState());
        }

        Assert.Equal(losses.Skip(5), GoOn(read => read));

        // The negative control: an optimiser that has forgotten its averages goes on otherwise.
        Assert.NotEqual(losses.Skip(5), GoOn(read => name => zeros_like(read(name))));

        IReadOnlyList<StepReport> GoOn(Func<Func<string, Tensor>, Func<string, Tensor>> change)
        {
            using var model = TinyTraining.Model(fixture, variant);
            using var trainer = new Trainer(model, TinyTraining.Packer(), TinyTraining.Battles(18), options);
            PeftFolder.ReadCheckpoint(folder.Path, model);
            using var optimizer = SafetensorsFile.Open(folder.At("optimizer.safetensors"));
            trainer.Restore(change(optimizer.Read), steps: 5, tokens: 0);
            return TinyTraining.Run(trainer, 8);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void MicroBatches_GiveTheGradientOfTheWholeBatch(string variant, string fixture)
    {
        using var scope = NewDisposeScope();
        var options = TinyTraining.Options with { MaxSteps = 1, BatchSize = 12, MaxGradNorm = 0, SwapInTraining = false };
        var none = WithoutDropout(variant);
        using var whole = TinyTraining.Model(fixture, variant, none);
        using var parts = TinyTraining.Model(fixture, variant, none);
        var loss = TinyTraining.Train(whole, options, rows: 12)[0].Loss;
        Assert.Equal(loss, TinyTraining.Train(parts, options with { MaxTokensPerMicroBatch = 64 }, rows: 12)[0].Loss, Tolerance);
        var largest = whole.TrainableWeights.Max(w => w.Value.grad!.abs().max().ToDouble());
        Assert.True(largest > Seen);
        foreach (var (one, other) in whole.TrainableWeights.Zip(parts.TrainableWeights))
        {
            Assert.InRange((one.Value.grad! - other.Value.grad!).abs().max().ToDouble() / largest, 0, Tolerance);
        }

        // The negative control: other rows give another gradient.
        using var fewer = TinyTraining.Model(fixture, variant, none);
        TinyTraining.Train(fewer, options, rows: 11);
        Assert.Contains(
            whole.TrainableWeights.Zip(fewer.TrainableWeights),
            w => (w.First.Value.grad! - w.Second.Value.grad!).abs().max().ToDouble() / largest > Seen);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void TheLossFalls(string variant, string fixture)
    {
        using var model = TinyTraining.Model(fixture, variant);
        var losses = TinyTraining.Train(model, TinyTraining.OptionsFor(variant) with { MaxSteps = 40, BatchSize = 6, SwapInTraining = false }, rows: 6)
            .Select(r => r.Loss)
            .ToList();
        Assert.True(losses[^1] < 0.5 * losses[0], $"from {losses[0]:0.000} to {losses[^1]:0.000}");
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void ASeed_GivesTheSameBytesAgain_AndAnotherSeedOthers(string variant, string fixture)
    {
        Dictionary<string, byte[]> Trained(long seed)
        {
            using var model = TinyTraining.Model(fixture, variant, seed: seed);
            TinyTraining.Train(model, TinyTraining.OptionsFor(variant) with { MaxSteps = 3, Seed = seed });
            return TinyTraining.Bytes(model.TrainableWeights);
        }

        Assert.Empty(TinyTraining.Differences(Trained(3), Trained(3)));
        Assert.NotEmpty(TinyTraining.Differences(Trained(3), Trained(4)));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Prediction_IsNeverRandom_AndTrainingIsWhereDropoutIsAskedFor(string variant, string fixture)
    {
        using var scope = NewDisposeScope();
        var dropouts = Dropouts(variant, 0.3);
        using var model = TinyTraining.Model(fixture, variant, dropouts);
        TinyTraining.Train(model, TinyTraining.OptionsFor(variant));
        Assert.True(Seeded(1, ForwardMode.Inference).Equals(Seeded(2, ForwardMode.Inference)));
        var training = new ForwardMode(true, HiddenDropout: 0, AttentionDropout: 0, ClassifierDropout: dropouts.Count > 0 ? 0 : 0.3);
        Assert.False(Seeded(1, training).Equals(Seeded(2, training)));
        Assert.True(Seeded(1, training).Equals(Seeded(1, training)));

        Tensor Seeded(long seed, ForwardMode mode)
        {
            manual_seed(seed);
            return TinyTraining.Logits(model, mode);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Training_LeavesNoTensorBehind(string variant, string fixture)
    {
        using var model = TinyTraining.Model(fixture, variant);
        using var trainer = new Trainer(
            model, TinyTraining.Packer(), TinyTraining.Battles(18),
            TinyTraining.OptionsFor(variant) with { MaxSteps = 14 })
        { MakesBatchesAhead = false };
        TinyTraining.Run(trainer, 3);

        // Counted on this thread, which makes the batches too: what other tests left to the finalizer goes on another, at any time.
        var before = LiveTensors.OfThisThread();
        TinyTraining.Run(trainer, 14);
        Assert.Equal(before, LiveTensors.OfThisThread());

        // The negative control: the count sees a single one.
        using var one = ones(1);
        Assert.Equal(before + 1, LiveTensors.OfThisThread());
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void EveryGradientOfALayer_IsTheSlopeOfItsOutput(string variant)
    {
        Assert.SkipWhen(TinyVariant.Of(variant).GradientIsNotTheSlope, "The method's gradient is another by design; its own tests hold it.");
        Assert.SkipWhen(TinyVariant.Of(variant).HasKinks, "Across kinks a difference is no slope; its own tests hold the gradient.");
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Started(TinyTraining.Model("bert-tiny", variant, WithoutDropout(variant)));
        Assert.SkipWhen(model.Adapted!.Layers.Count == 0, "The method has no layers of its own.");
        manual_seed(5);
        var layer = model.Adapted.Layers[0];
        foreach (var weight in Trained(model))
        {
            using (no_grad()) weight.Value.add_(0.3 * randn(weight.Shape));
            weight.Value.grad?.zero_();
        }

        var input = randn(3, layer.Site.InFeatures).requires_grad_();
        var direction = randn(3, layer.Site.OutFeatures);
        Output().backward();
        foreach (var value in layer.Weights.Select(w => w.Value).Append(input))
        {
            using var noGrad = no_grad();
            var along = randn(value.shape);
            const double Step = 1e-2;
            value.add_(along, alpha: Step);
            var above = Output().ToDouble();
            value.add_(along, alpha: -2 * Step);
            var below = Output().ToDouble();
            value.add_(along, alpha: Step);
            var (slope, gradient) = ((above - below) / (2 * Step), (value.grad! * along).sum().ToDouble());
            Assert.True(Math.Abs(gradient) > 0.01, "the direction shows nothing");
            Assert.InRange(Math.Abs(slope - gradient) / Math.Abs(gradient), 0, 0.01);
        }

        Tensor Output() => (layer.Forward(input, ForwardMode.Inference) * direction).sum();
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void MergedWeight_IsTheLayerAsOneMatrix(string variant)
    {
        // Independent of Forward: y − b of the unit vectors, row by row, is W + ΔW.
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var model = TinyTraining.Started(TinyTraining.Model("bert-tiny", variant));
        Assert.SkipWhen(model.Adapted!.Layers.Count == 0, "The method has no layers of its own.");
        manual_seed(6);
        var layer = model.Adapted.Layers[0];
        foreach (var weight in Trained(model)) weight.Value.add_(0.3 * randn(weight.Shape));
        var matrix = (layer.Forward(eye(layer.Site.InFeatures), ForwardMode.Inference) - layer.Forward(
            zeros(1, layer.Site.InFeatures), ForwardMode.Inference)).t();
        Assert.True(Torch.RelativeError(layer.Site.Weight.Value, matrix) > Seen);
        layer.Merge();
        Assert.Null(layer.Site.Adapter);
        Assert.InRange(Torch.RelativeError(layer.Site.Weight.Value, matrix), 0, Tolerance);
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void EveryVariant_SaysWhatItIs(string variant)
    {
        var info = VariantCatalog.Get(variant).Info;
        Assert.Matches("^[a-z0-9-]+$", info.Id);
        Assert.All(new[] { info.Name, info.Summary, info.Paper, info.ParameterFormula, info.Cost }, text => Assert.False(string.IsNullOrWhiteSpace(text)));
        Assert.EndsWith(".", info.Summary, StringComparison.Ordinal);
        var described = Described[variant];
        Assert.Contains(described.Options, o => o.Name == "target_modules");
        Assert.All(described.Options, o => Assert.False(string.IsNullOrWhiteSpace(o.Help), o.Name));
    }

    [Fact]
    public void AVariantThatIsNotThere_IsRefusedWithThoseThatAre()
    {
        var error = Assert.Throws<OptionException>(() => VariantCatalog.Get("dola"));
        Assert.Equal($"There is no variant 'dola'; these are: {string.Join(", ", VariantCatalog.All.Keys)}.", error.Message);
    }

    private static IEnumerable<Weight> Trained(PreferenceModel model) => model.Adapted!.Weights.Where(w => w.Trained).Select(w => w.Weight);

    private static void CopyHead(PreferenceModel from, PreferenceModel to)
    {
        using var noGrad = no_grad();
        foreach (var (source, target) in from.HeadWeights.Zip(to.HeadWeights)) target.Value.copy_(source.Value);
    }

    private static JsonObject WithoutDropout(string variant) => Dropouts(variant, 0);

    // Every dropout of a variant; none where it goes with none.
    private static JsonObject Dropouts(string variant, double share)
    {
        var options = AllDropouts(variant, share);
        try
        {
            VariantCatalog.Get(variant).ReadOptions(options.DeepClone().AsObject());
            return options;
        }
        catch (OptionException)
        {
            return [];
        }
    }

    private static JsonObject AllDropouts(string variant, double share)
        => new(Described[variant]
            .Options.Where(o => o.Name.EndsWith("dropout", StringComparison.Ordinal))
            .Select(o => KeyValuePair.Create<string, JsonNode?>(o.Name, share)));
}
