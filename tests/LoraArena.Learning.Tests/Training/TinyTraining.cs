using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using LoraArena.Core.Battles;
using LoraArena.Core.Runs;
using LoraArena.Core.Statistics;
using LoraArena.Learning.Models;
using LoraArena.Learning.Packing;
using LoraArena.Learning.Training;
using LoraArena.Learning.Variants;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Training;

/// <summary>Battles of random tokens and trainings of the tiny fixture models, small enough for a test to do many.</summary>
internal static class TinyTraining
{
    /// <summary>Token that stands in the better answer only.</summary>
    public const int Good = 50;

    /// <summary>Ids 0 to 5 are special: padding, start, separator, one that is not used, between turns, cut.</summary>
    public static PackingTemplate Template { get; } = new([1], [2], [2], [2], [4], [5], Pad: 0);

    /// <summary>The options of every training here that does not say otherwise: no dropout but the variant's own.</summary>
    public static TrainingOptions Options { get; } = new()
    {
        MaxSteps = 8,
        BatchSize = 6,
        MaxLength = 40,
        LearningRate = 0.01,
        HiddenDropout = 0,
        AttentionDropout = 0,
        Seed = 3,
    };

    /// <summary>A packer for <see cref="Template"/>.</summary>
    public static BattlePacker Packer(int maxLength = 40) => new(Template, maxLength);

    /// <summary>Battles in which the better answer has <see cref="Good"/> in it: something that can be learnt.</summary>
    public static IReadOnlyList<TokenizedBattle> Battles(int count, long seed = 1)
    {
        var random = new SeededRandom(seed);
        return [.. Enumerable.Range(0, count).Select(i => Battle(i, random))];
    }

    /// <summary>A fixture's model with a variant attached.</summary>
    public static PreferenceModel Model(string fixture, string variant, JsonObject? options = null, long seed = 3)
    {
        var model = PreferenceModel.Load(Torch.Fixture(fixture), CPU, seed);
        var (method, read) = Method(variant, options);
        model.Attach(method, read, seed);
        return model;
    }

    /// <summary>A variant with the options that fit the tiny models, and others.</summary>
    public static (LoraVariant Variant, VariantOptions Options) Method(string variant, JsonObject? options = null)
    {
        var method = VariantCatalog.Get(variant);
        return (method, method.ReadOptions(Merge(TinyVariant.Of(variant).Options, options)));
    }

    /// <summary>Gives an adapter the starting values that take more than a seed.</summary>
    public static PreferenceModel Started(PreferenceModel model)
    {
        using var trainer = new Trainer(model, Packer(), Battles(18), Options);
        trainer.Start();
        return model;
    }

    /// <summary>Training options at which a variant learns on the tiny models.</summary>
    public static TrainingOptions OptionsFor(string variant) => Options with { LearningRate = TinyVariant.Of(variant).LearningRate };

    /// <summary>Trains and gives what the steps came to.</summary>
    public static IReadOnlyList<StepReport> Train(PreferenceModel model, TrainingOptions options, int rows = 18)
    {
        using var trainer = new Trainer(model, Packer(), Battles(rows), options);
        return Run(trainer, trainer.Steps);
    }

    /// <summary>Goes on to a step and gives what the steps came to.</summary>
    public static IReadOnlyList<StepReport> Run(Trainer trainer, long steps)
    {
        while (trainer.StepsDone < steps) trainer.Step();
        return trainer.TakeReports();
    }

    /// <summary>Logits of a few battles.</summary>
    public static Tensor Logits(PreferenceModel model, ForwardMode? mode = null)
    {
        using var noGrad = no_grad();
        using var batch = TokenBatch.Create([.. Battles(5, seed: 9).Select(b => Packer().Pack(b, swap: false).Ids)], padId: 0, CPU);
        return model.Logits(batch, mode ?? ForwardMode.Inference);
    }

    /// <summary>Values of weights by name, as bytes.</summary>
    public static Dictionary<string, byte[]> Bytes(IEnumerable<Weight> weights)
    {
        using var scope = NewDisposeScope();
        return weights.Select((w, i) => (Key: $"{i} {w.Name}", w.Value)).ToDictionary(w => w.Key, w => w.Value.detach().contiguous().bytes.ToArray());
    }

    /// <summary>The weights of two trainings that are not the same bytes, each with its largest difference; empty where all are.</summary>
    public static IReadOnlyList<string> Differences(Dictionary<string, byte[]> first, Dictionary<string, byte[]> second)
    {
        Assert.Equal(first.Keys, second.Keys);
        return [.. first.Where(w => !w.Value.AsSpan().SequenceEqual(second[w.Key])).Select(w =>
            FormattableString.Invariant($"{w.Key}: {Largest(Numbers(w.Value), Numbers(second[w.Key]))}"))];
        static float[] Numbers(byte[] bytes) => MemoryMarshal.Cast<byte, float>(bytes).ToArray();
        static float Largest(float[] a, float[] b) => a.Zip(b, (x, y) => Math.Abs(x - y)).Max();
    }

    private static JsonObject Merge(JsonObject first, JsonObject? second)
        => new(first.Concat(second ?? []).GroupBy(p => p.Key, StringComparer.Ordinal).Select(g => KeyValuePair.Create(g.Key, g.Last().Value?.DeepClone())));

    private static TokenizedBattle Battle(int id, SeededRandom random)
    {
        var winner = (Winner)random.Next(3);
        int[] Part(bool good) => [.. Enumerable.Range(0, 3 + random.Next(7)).Select(_ => 51 + random.Next(40)).Concat(good ? [Good, Good] : [])];
        return new TokenizedBattle(
            FormattableString.Invariant($"row{id}"), [Part(false)], [Part(winner == Winner.ModelA)], [Part(winner == Winner.ModelB)],
            winner, FormattableString.Invariant($"group{id}"));
    }
}
