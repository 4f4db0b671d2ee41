using System.Text.Json.Nodes;
using LoraArena.Core.Competitions;
using LoraArena.Core.Metrics;
using LoraArena.Core.Runs;
using LoraArena.Core.Statistics;

namespace LoraArena.Tests.Boards;

/// <summary>Runs and baselines on made-up losses, for boards whose truth is known.</summary>
internal static class BoardCase
{
    public const string Rows = "aa11";

    private static readonly int[] Counts = [.. Enumerable.Range(0, 300).Select(_ => 1)];

    /// <summary>A run: its method's effect on every row, and noise of its own.</summary>
    public static BoardRun Run(
        string id, string variant, double effect, long seed = 0, int rank = 16, string? trial = null, int? fold = null, string rows = Rows,
        double noise = 0.05, string[]? tags = null, string? name = null,
        string weights = "h", string data = "d")
    {
        var sums = Sums(effect, noise, variant.Length + (100 * seed) + (7 * rank) + (31 * (fold ?? 0)));
        var sketch = LossSketch.Of(sums, 3 + (fold ?? 0));
        var spec = new RunSpec(
            id, DateTimeOffset.UnixEpoch, "tester", name ?? $"run {id}", new CompetitionReference("c", "C"), new DataReference(data, null),
            new SplitReference("s", "split", fold), new ModelReference("m", "nano", "/m", weights),
            new VariantChoice(variant, rank == 16 ? [] : new JsonObject { ["r"] = rank }), new TrainingOptions { Seed = seed })
        { Trial = trial is null ? null : new TrialReference("t", trial, false) };
        var interval = sketch.MeanInterval();
        return new BoardRun(
            spec, MethodSettings.Of(spec, null), new Scores(
                sketch.Mean, interval.Low, interval.High, 0.5, 0.03,
                sketch.Rows), new RunCost(100 * rank / 16.0, 1000, 10, 1 << 20, 1000 * rank) { PeakMemoryAboveBaseBytes = (long)rank << 14 },
            new LossTable(rows, sketch), new RunNotes("", tags ?? []));
    }

    /// <summary>A run that has ended without success after 40 seconds.</summary>
    public static FailedRun Failed(string id, string variant, RunMark? flag = null, long seed = 0, int rank = 16, RunState? state = null, bool began = true)
    {
        var run = Run(id, variant, 0, seed, rank);
        var cost = began ? new RunCost(40, 1000, 25, 1 << 20, 1000 * rank) { PeakMemoryAboveBaseBytes = 3 << 20 } : null;
        return new FailedRun(
            run.Spec, run.Settings,
            new RunResult(state ?? RunState.Failed, 1, DateTimeOffset.UnixEpoch, $"Why {id} ended.", 4, null, cost) { Flag = flag });
    }

    public static BoardBaseline Baseline(string id, double effect, int fold = 0)
    {
        var sketch = LossSketch.Of(Sums(effect, 0, 1), 3 + fold);
        return new BoardBaseline(id, id, new Scores(sketch.Mean, 0, 2, 0.33, 0.01, sketch.Rows), new LossTable(Rows, sketch));
    }

    public static Board Build(BoardQuery query, params BoardRun[] runs) => Build(query, [], runs);

    public static Board Build(BoardQuery query, FailedRun[] failed, params BoardRun[] runs)
        => new BoardBuilder(query, null, _ => null).Build([new BoardPart(runs, [Baseline("uniform", 0.3)]) { Failed = failed }]);

    // A row's difficulty is the same for all.
    private static GroupSums Sums(double effect, double noise, long name)
    {
        var (shared, own) = (new SeededRandom(1), new SeededRandom(2, name));
        return new GroupSums([.. Counts.Select(_ => 0.8 + effect + (0.6 * shared.NextDouble()) + (noise * (own.NextDouble() - 0.5)))], Counts);
    }
}
