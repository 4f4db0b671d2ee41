using System.Text.Json.Nodes;
using LoraArena.Core.Battles;
using LoraArena.Core.Files;
using LoraArena.Core.Journal;
using LoraArena.Core.Metrics;
using LoraArena.Core.Runs;
using LoraArena.Core.Statistics;
using LoraArena.Data.Competitions;
using LoraArena.Data.Predictions;
using LoraArena.Runs;

namespace LoraArena.Tests.Support;

/// <summary>Folders of runs that have succeeded, with made-up predictions: boards of any size without a training.</summary>
internal static class FabricatedRuns
{
    /// <summary>Writes the folder of a run whose predictions are as good as <paramref name="skill"/> says, and takes it into the index.</summary>
    /// <param name="arena">The arena, with training data.</param>
    /// <param name="variant">Id of the variant.</param>
    /// <param name="seed">Its seed, which also names the noise.</param>
    /// <param name="skill">0 knows nothing; more is better.</param>
    /// <param name="rank">An option that tells methods apart.</param>
    /// <param name="name">Its name.</param>
    public static async Task<string> AddAsync(TestArena arena, string variant, long seed, double skill, int rank = 16, string? name = null)
    {
        var id = ArenaId.New(TimeProvider.System);
        var library = arena.Get<CompetitionLibrary>();
        var split = library.ReadSplit(arena.Competition.Id, arena.Competition.DefaultSplit!);
        var train = arena.Competition.File(Core.Competitions.FileRole.Train)!.Sha256;
        var spec = new RunSpec(
            id, DateTimeOffset.FromUnixTimeSeconds(1_790_000_000), "tester",
            name ?? FormattableString.Invariant($"{variant} {rank}, seed {seed}"),
            new CompetitionReference(arena.Competition.Id, arena.Competition.Name), new DataReference(train, null),
            new SplitReference(split.Id, split.Name, null),
            new ModelReference(arena.Model?.Id ?? "m", "nano", "/models/nano", "h"), new VariantChoice(
                variant, rank == 16 ? [] : new JsonObject { ["r"] = rank }), new TrainingOptions { Seed = seed });
        var folder = arena.Folder.Run(id);
        Directory.CreateDirectory(Path.GetDirectoryName(folder.ValidationPredictions)!);
        spec.Write(folder.Spec);
        var predictions = Predictions(library, arena.Competition.Id, split.Id, seed, skill, variant.Length + rank).ToList();
        PredictionFile.Write(folder.ValidationPredictions, predictions);
        WriteJournal(folder, seed, skill);
        var scores = Scores.Of(predictions) with { FlipRate = 0.1 };
        new RunResult(
            RunState.Succeeded, 1, DateTimeOffset.FromUnixTimeSeconds(1_790_000_100), null, 40, scores,
            new RunCost(20 + (2 * rank), 100_000, 3000, (200L + rank) << 20, 1000 * rank)).Write(folder);
        await arena.Store.AddAsync(arena.Get<RunIndex>().EntryOf(spec, folder));
        return id;
    }

    /// <summary>Writes the folder of a run that diverged after half its steps, and takes it into the index.</summary>
    public static async Task<string> AddFailedAsync(TestArena arena, string variant, long seed)
    {
        var id = await AddAsync(arena, variant, seed, 0.1, name: FormattableString.Invariant($"{variant}, seed {seed}, too fast"));
        var folder = arena.Folder.Run(id);
        Directory.Delete(Path.GetDirectoryName(folder.ValidationPredictions)!, recursive: true);
        const string Reason = "Loss or gradient was not finite after step 20. A lower learning rate, a lower alpha/r or a warm-up usually helps.";
        var result = new RunResult(
            RunState.Failed, 1, DateTimeOffset.FromUnixTimeSeconds(1_790_000_100), Reason, 20, null,
            new RunCost(31, 50_000, 1600, 216L << 20, 16_000))
        { Flag = RunMark.Diverged };
        result.Write(folder);
        var entry = (await arena.Store.RunAsync(id))!;
        if (!await arena.Store.TryUpdateAsync(entry, r => RunIndex.Apply(r, result))) throw new InvalidOperationException("The run has changed meanwhile.");
        return id;
    }

    private static IEnumerable<Prediction> Predictions(CompetitionLibrary library, string competition, string split, long seed, double skill, int method)
    {
        var (own, common) = (new SeededRandom(seed, method, (long)(1000 * skill)), new SeededRandom(9));
        foreach (var row in library.ReadBaseline(competition, split, null, "uniform").ToList())
        {
            // A row that is hard is hard for all; the rest is the run's own luck.
            var right = 0.34 + (skill * (0.3 + (0.5 * common.NextDouble()))) + (0.06 * (own.NextDouble() - 0.5));
            var rest = (1 - right) / 2;
            var winner = row.Winner!.Value;
            yield return row with
            {
                Probabilities = new Probabilities(
                winner == Winner.ModelA ? right : rest, winner == Winner.ModelB ? right : rest, winner == Winner.Tie ? right : rest)
            };
        }
    }

    private static void WriteJournal(RunFolder folder, long seed, double skill)
    {
        using var journal = new JournalWriter(folder, 1, TimeProvider.System);
        var random = new SeededRandom(seed, 4);
        journal.Append(new PlanRecord(40, 20, 100, 20, 1000, 100_000, "cpu: test"));
        for (var step = 1; step <= 40; step++)
        {
            journal.Append(new StepRecord(
                step, step / 20.0, 1.1 - (skill * step / 60) + (0.1 * random.NextDouble()), 5e-4 * (1 - (step / 40.0)),
                1 + random.NextDouble(), 3000, step * 0.5, 200L << 20));
        }

        journal.Append(new EvalRecord(20, 1, new Scores(1.05, 1, 1.1, 0.4, 0.05, 20)));
        journal.Flush();
    }
}
