using LoraArena.Core.Battles;
using LoraArena.Core.Runs;
using LoraArena.Learning.Files;
using LoraArena.Learning.Models;
using LoraArena.Learning.Packing;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Training;

/// <summary>
/// Twenty steps over five epochs, swapped rows, padding, warm-up, weight decay and clipping included, as Transformers 5.24.0, PEFT 0.21.2 and
/// torch.optim.AdamW of PyTorch 2.13.0 do them: see Fixtures/make_training.py.
/// </summary>
public sealed class TrainerParityTests
{
    private const int Rows = 20;
    private const int Epochs = 5;
    private const double Tolerance = 1e-4;

    // As in the script; few tokens at once, so that every step is worked off in micro-batches.
    private static readonly TrainingOptions Options = new()
    {
        MaxSteps = 20,
        BatchSize = 5,
        MaxLength = 48,
        MaxTokensPerMicroBatch = 64,
        LearningRate = 0.02,
        WarmupRatio = 0.25,
        WeightDecay = 0.1,
        MaxGradNorm = 1,
        HiddenDropout = 0,
        AttentionDropout = 0,
        Seed = 7,
    };

    public static TheoryData<string> Models => ["bert-tiny", "llama-tiny"];

    [Theory]
    [MemberData(nameof(Models))]
    public void EveryStep_IsThatOfTheRealStack(string name)
    {
        using var scope = NewDisposeScope();
        using var expected = Expected(name);
        using var model = Model(name);
        using var trainer = Trainer(model, expected, Options);
        AssertSamePlan(expected, trainer);

        var reports = TinyTraining.Run(trainer, 20);
        AssertClose(expected.Read("loss"), reports.Select(r => r.Loss));
        AssertClose(expected.Read("norm"), reports.Select(r => r.GradNorm));
        AssertClose(expected.Read("rate"), reports.Select(r => r.LearningRate));
        var weights = PeftFolder.Weights(model).ToList();
        Assert.Equal(expected.Entries.Count(e => e.Name.StartsWith("end.", StringComparison.Ordinal)), weights.Count);
        foreach (var (key, weight) in weights.Select(w => (w.Key, w.Weight)))
        {
            Assert.InRange(Torch.RelativeError(weight.Value, expected.Read("end." + key)), 0, Tolerance);
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void AnotherTraining_IsToldApart(string name)
    {
        // The negative control of the test above: a learning rate a hundredth higher is seen, and so is a decay that is left out.
        using var scope = NewDisposeScope();
        foreach (var options in new[] { Options with { LearningRate = 0.0202 }, Options with { WeightDecay = 0 }, Options with { MaxGradNorm = 0 }, Options with { WarmupRatio = 0.5 } })
        {
            using var expected = Expected(name);
            using var model = Model(name);
            using var trainer = Trainer(model, expected, options);
            TinyTraining.Run(trainer, 20);
            Assert.Contains(PeftFolder.Weights(model), w => Torch.RelativeError(w.Weight.Value, expected.Read("end." + w.Key)) > 10 * Tolerance);
        }
    }

    [Fact]
    public void ClippingActsInSomeStepsOnly()
    {
        // Else the fixture could not tell clipping from scaling.
        using var scope = NewDisposeScope();
        using var expected = Expected("bert-tiny");
        var norms = expected.Read("norm").data<float>().ToArray();
        Assert.Contains(norms, n => n > 1.1);
        Assert.Contains(norms, n => n < 0.9);
    }

    private static SafetensorsFile Expected(string name) => SafetensorsFile.Open(Torch.Fixture(name, "training", "expected.safetensors"));

    private static PreferenceModel Model(string name)
    {
        var model = PreferenceModel.Load(Torch.Fixture(name), CPU, seed: 0);
        PeftFolder.Load(Torch.Fixture(name, "training"), model);
        return model;
    }

    private static Trainer Trainer(PreferenceModel model, SafetensorsFile expected, TrainingOptions options)
        => new(model, TinyTraining.Packer(48), Battles(expected), options);

    private static List<TokenizedBattle> Battles(SafetensorsFile expected)
    {
        var winners = expected.Read("winners").data<long>().ToArray();
        return [.. Enumerable.Range(0, Rows).Select(i =>
            new TokenizedBattle($"{i}", [Ids(expected, $"{i}.prompt")], [Ids(expected, $"{i}.a")], [Ids(expected, $"{i}.b")], (Winner)winners[i], $"{i}"))];
    }

    private static int[] Ids(SafetensorsFile file, string name) => [.. file.Read(name).data<long>().ToArray().Select(id => (int)id)];

    private static void AssertSamePlan(SafetensorsFile expected, Trainer trainer)
    {
        Assert.Equal(4, trainer.StepsPerEpoch);
        var packer = TinyTraining.Packer(48);
        var lengths = Battles(expected).Select(b => packer.Pack(b, swap: false).Length).ToList();
        var order = string.Join(", ", Enumerable.Range(0, Epochs).SelectMany(epoch =>
            EpochPlan.Batches(lengths, Options.BatchSize, Options.Seed, epoch)).Select(batch => $"[{string.Join(", ", batch)}]"));
        var swap = string.Join(", ", Enumerable.Range(0, Epochs).Select(epoch =>
            $"[{string.Join(", ", Enumerable.Range(0, Rows).Select(row => EpochPlan.Swaps(Options.Seed, epoch, row) ? 1 : 0))}]"));
        Assert.Equal(Text(expected.Read("order")), order);
        Assert.Equal(Text(expected.Read("swap")), swap);
    }

    private static string Text(Tensor table)
    {
        var (values, width) = (table.data<long>().ToArray(), (int)table.shape[1]);
        return string.Join(", ", values.Chunk(width).Select(row => $"[{string.Join(", ", row)}]"));
    }

    private static void AssertClose(Tensor expected, IEnumerable<double> actual)
    {
        var wanted = expected.to(ScalarType.Float64).data<double>().ToArray();
        Assert.All(actual.Zip(wanted, (a, w) => Math.Abs(a - w) / Math.Abs(w)), error => Assert.InRange(error, 0, Tolerance));
        Assert.Equal(wanted.Length, actual.Count());
    }
}
