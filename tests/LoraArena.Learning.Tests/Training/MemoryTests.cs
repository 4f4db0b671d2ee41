using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Files;
using LoraArena.Learning.Models;
using LoraArena.Learning.Packing;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Training;

/// <summary>What a training does to need less memory changes nothing else.</summary>
public sealed class MemoryTests
{
    private static readonly TrainingOptions Options = TinyTraining.Options with { HiddenDropout = 0.1, MaxSteps = 4 };
    private static readonly JsonObject Dropout = new() { ["lora_dropout"] = 0.2 };

    [Theory]
    [InlineData("bert-tiny", "lora")]
    [InlineData("llama-tiny", "lora")]
    [InlineData("bert-tiny", "full")]
    [InlineData("llama-tiny", "prompt-tuning")]
    [InlineData("families/gemma2", "lora")]
    [InlineData("families/deberta-v3", "lora")]
    [InlineData("families/deberta-v3", "full")]
    public void Recomputation_GivesTheSameTraining(string fixture, string variant)
    {
        var kept = Train(fixture, variant, Options);
        var again = Train(fixture, variant, Options with { GradientCheckpointing = true });
        Assert.All(kept.Zip(again), pair => Assert.Equal(pair.First.Loss, pair.Second.Loss, 1e-6));
        Assert.All(kept.Zip(again), pair => Assert.Equal(pair.First.GradNorm, pair.Second.GradNorm, 1e-5));

        // The negative control: another seed drops other elements.
        var other = Train(fixture, variant, Options with { GradientCheckpointing = true, Seed = 4 });
        Assert.Contains(kept.Zip(other), pair => Math.Abs(pair.First.Loss - pair.Second.Loss) > 1e-4);
    }

    [Theory]
    [InlineData("lora", 0.0)]
    [InlineData("lora", 0.2)]
    [InlineData("lora-fa", 0.0)]
    public void WhereOnlyGradientsAreWanted_TheLastProductOfABlockIsLeftOut(string variant, double dropout)
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("llama-tiny", variant, new JsonObject { ["lora_dropout"] = dropout });
        var down = model.Sites.First(site => site.Path.EndsWith("down_proj", StringComparison.Ordinal));
        foreach (var weight in model.TrainableWeights) weight.Value.requires_grad = true;
        foreach (var adapter in new[] { down.Adapter, null })
        {
            down.Adapter = adapter;
            var x = randn([2, 9, down.InFeatures]);
            var gradient = randn([2, 9, down.OutFeatures]);
            var (whole, left) = (Gradients(outputUnused: false), Gradients(outputUnused: true));
            Assert.True(whole.Output.abs().max().ToSingle() > 0);
            Assert.Equal(0, left.Output.abs().max().ToSingle());
            Assert.Equal(whole.Output.shape, left.Output.shape);
            Assert.All(whole.Gradients.Zip(left.Gradients), pair => Assert.True(pair.First.equal(pair.Second).all().ToBoolean()));

            (Tensor Output, List<Tensor> Gradients) Gradients(bool outputUnused)
            {
                var leaf = x.detach().requires_grad_();
                var random = new PassRandom(CPU, 1, 1, 1);
                random.Begin(0);
                var y = down.Forward(leaf, new ForwardMode(true, 0, 0, 0) { Random = random, OutputUnused = outputUnused });
                y.backward([gradient]);
                var trained = adapter?.Weights.Where(w => w.Value.grad is not null).ToList() ?? [];
                List<Tensor> gradients = [leaf.grad!.clone(), .. trained.Select(w => w.Value.grad!.clone())];
                Assert.Equal(adapter is null ? 1 : variant == "lora" ? 3 : 2, gradients.Count);
                foreach (var weight in trained) weight.Value.grad!.zero_();
                return (y.detach(), gradients);
            }
        }
    }

    [Fact]
    public void AStepThatRunsOutOfMemory_IsDoneAgainWithLess()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "lora");
        using var trainer = new Trainer(model, TinyTraining.Packer(), TinyTraining.Battles(18), TinyTraining.Options);
        trainer.BeforeMicroBatch = tokens =>
        {
            if (tokens > 100) RunOutOfMemory();
        };
        var reports = TinyTraining.Run(trainer, 3);
        Assert.InRange(trainer.MicroBatchTokens, 1, 127);
        Assert.NotEmpty(trainer.TakeWarnings());
        using var plenty = TinyTraining.Model("bert-tiny", "lora");
        var whole = TinyTraining.Train(plenty, TinyTraining.Options with { MaxSteps = 8 });
        Assert.All(reports.Zip(whole), pair => Assert.Equal(pair.Second.Loss, pair.First.Loss, 1e-4));
    }

    [Theory]
    [InlineData("fp32")]
    [InlineData("bf16")]
    public void ATrainingThatSavesMemory_GoesOnFromACheckpointBitForBit(string precision)
    {
        using var scope = NewDisposeScope();
        var options = Options with { GradientCheckpointing = true, AttentionDropout = 0.1, MaxTokensPerMicroBatch = 64, MaxSteps = 6 };
        var whole = TinyTraining.Run(Trainer(precision, options).Trainer, 6);
        var (model, trainer) = Trainer(precision, options);
        Assert.Equal(whole.Take(3), TinyTraining.Run(trainer, 3));
        using var folder = new TemporaryFolder();
        PeftFolder.WriteCheckpoint(folder.Path, model);
        SafetensorsWriter.Write(folder.At("optimizer.safetensors"), trainer.OptimizerState());
        using var optimizer = SafetensorsFile.Open(folder.At("optimizer.safetensors"));
        Assert.Equal(whole.Skip(3), GoOn(steps: 3));

        // The negative control: another step's dropout is other dropout.
        Assert.NotEqual(whole.Skip(4).Select(report => report.Loss), GoOn(steps: 4).Select(report => report.Loss));

        IReadOnlyList<StepReport> GoOn(long steps)
        {
            var (again, rest) = Trainer(precision, options);
            PeftFolder.ReadCheckpoint(folder.Path, again);
            rest.Restore(optimizer.Read, steps, tokens: 0);
            return TinyTraining.Run(rest, 6);
        }
    }

    [Fact]
    public void WhereOneRowIsTooMuch_TheErrorIsPassedOn()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "lora");
        using var trainer = new Trainer(model, TinyTraining.Packer(), TinyTraining.Battles(18), TinyTraining.Options);
        trainer.BeforeMicroBatch = _ => RunOutOfMemory();
        Assert.Throws<ExternalException>(trainer.Step);
        Assert.True(trainer.Recomputes);
    }

    [Fact]
    public void ManySteps_LeaveNoTensorBehind()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("llama-tiny", "lora", Dropout.DeepClone().AsObject());
        using var trainer = new Trainer(model, TinyTraining.Packer(), TinyTraining.Battles(18), TinyTraining.Options with { MaxSteps = 60 });
        TinyTraining.Run(trainer, 10);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        TinyTraining.Run(trainer, 50);
        // Batches are made on another thread and disposed here, so the count of this one falls; a leak of one tensor a step would let it rise.
        Assert.InRange(DisposeScopeManager.Statistics.ThreadTotalLiveCount - before, long.MinValue, -1);
    }

    [Fact]
    public void ABudgetOfSeconds_TakesTheRateTo0OverTheSeconds()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "lora");
        var seconds = 0.0;
        using var trainer = new Trainer(
            model, TinyTraining.Packer(), TinyTraining.Battles(18),
            TinyTraining.Options with { MaxSteps = 1000, MaxSeconds = 10, WarmupRatio = 0 })
        { SecondsTrained = () => seconds };
        var rates = new List<double>();
        for (; seconds < 10; seconds += 2)
        {
            trainer.Step();
            rates.Add(trainer.TakeReports()[0].LearningRate);
        }

        Assert.Equal([0.01, 0.008, 0.006, 0.004, 0.002], rates.Select(rate => Math.Round(rate, 4)));
    }

    [Fact]
    public void TheRateReachesZero_WithTheBudgetOfTokens()
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model("bert-tiny", "lora");
        TrainingOptions Options(long? tokens) => TinyTraining.Options with { MaxSteps = 1000, MaxTokens = tokens, WarmupRatio = 0 };
        List<double> Rates(TrainingOptions options, long until)
        {
            using var trainer = new Trainer(model, TinyTraining.Packer(), TinyTraining.Battles(18), options);
            var rates = new List<double>();
            while (trainer.Tokens < until)
            {
                trainer.Step();
                rates.Add(trainer.TakeReports()[0].LearningRate);
            }

            return rates;
        }

        var limited = Rates(Options(4000), 4000);
        Assert.Equal(limited.OrderDescending(), limited);
        Assert.InRange(limited[^1], 0, 0.35 * limited[0]);
        Assert.True(Rates(Options(null), 4000)[^1] > 0.9 * limited[0]);
    }

    // libtorch's own error: no machine has a million gigabytes.
    internal static void RunOutOfMemory() => empty(1L << 48, ScalarType.Float32, CPU).Dispose();

    private static IReadOnlyList<StepReport> Train(string fixture, string variant, TrainingOptions options)
    {
        using var scope = NewDisposeScope();
        using var model = TinyTraining.Model(fixture, variant, variant == "lora" ? Dropout.DeepClone().AsObject() : null);
        using var trainer = new Trainer(
            model, TinyTraining.Packer(), [.. TinyTraining.Battles(18).Select(battle => Within(model.Config.VocabularySize, battle))],
            options);
        return TinyTraining.Run(trainer, trainer.Steps);
    }

    // The families' fixtures know fewer tokens.
    private static TokenizedBattle Within(long vocabulary, TokenizedBattle battle)
    {
        return battle with { Prompts = Ids(battle.Prompts), A = Ids(battle.A), B = Ids(battle.B) };

        IReadOnlyList<int[]> Ids(IReadOnlyList<int[]> turns) => [.. turns.Select(turn => turn.Select(id => (int)Math.Min(id, vocabulary - 1)).ToArray())];
    }

    // Disposed with the test's scope and the process: tests of leaks make their own.
    private static (PreferenceModel Model, Trainer Trainer) Trainer(string precision, TrainingOptions options)
    {
        var model = PreferenceModel.Load(Torch.Fixture("llama-tiny"), CPU, seed: 3, precision: BasePrecision.Of(precision, ScalarType.Float32));
        var (method, read) = TinyTraining.Method("lora", Dropout.DeepClone().AsObject());
        model.Attach(method, read, seed: 3);
        return (model, new Trainer(model, TinyTraining.Packer(), TinyTraining.Battles(18), options));
    }
}
