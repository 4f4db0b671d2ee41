using System.Runtime.ExceptionServices;
using LoraArena.Core.Battles;
using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Metrics;
using LoraArena.Core.Runs;
using LoraArena.Data.Predictions;
using LoraArena.Data.Splits;

namespace LoraArena.Data.Baselines;

/// <summary>How good a baseline is on the validation rows of a split.</summary>
/// <param name="Id">The baseline's id.</param>
/// <param name="Name">Its name.</param>
/// <param name="Summary">What it looks at.</param>
/// <param name="Scores">Its scores.</param>
public sealed record BaselineResult(string Id, string Name, string Summary, Scores Scores);

/// <summary>
/// Scores all baselines on one split or fold and keeps the result in a folder: a prediction file each, and scores.json, which is written last.
/// </summary>
/// <param name="folder">The folder: competitions/&lt;id&gt;/baselines/&lt;split&gt;[.fold-K].</param>
public sealed class BaselineRunner(string folder)
{
    private string ScoresPath => Path.Join(folder, "scores.json");

    /// <summary>Scores that were worked out from the same training data by the baselines that there are today; null where there are none.</summary>
    /// <param name="trainSha256">SHA-256 of the training data.</param>
    public IReadOnlyList<BaselineResult>? Stored(string trainSha256)
    {
        var stored = JsonFile.TryReadDerived<BaselineScores>(ScoresPath);
        var known = stored is not null
            && (stored.Train == trainSha256 || stored.CountsFor.Contains(trainSha256))
            && stored.Baselines.Select(result => result.Id).SequenceEqual(BaselineCatalog.All.Select(baseline => baseline.Id));
        return known ? stored!.Baselines : null;
    }

    /// <summary>The scores of all baselines, from the simplest on; they are worked out where they are not there yet.</summary>
    /// <param name="trainSha256">SHA-256 of the training data: scores of other data do not count.</param>
    /// <param name="split">The split.</param>
    /// <param name="fold">The fold that validates, where the split has folds.</param>
    /// <param name="readRows">Streams that data; called at most once.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="SplitException">The split has no such fold, or its rows are not in the training data.</exception>
    public IReadOnlyList<BaselineResult> Evaluate(
        string trainSha256, Split split, int? fold, Func<IEnumerable<BaselineRow>> readRows, CancellationToken cancellation = default)
    {
        var (trainIds, validationIds) = split.Assign(fold);
        if (Stored(trainSha256) is { } stored) return stored;
        var (train, validation) = (trainIds.ToHashSet(StringComparer.Ordinal), validationIds.ToHashSet(StringComparer.Ordinal));
        var (trainRows, validationRows) = (new List<BaselineRow>(train.Count), new List<BaselineRow>(validation.Count));
        foreach (var row in readRows())
        {
            if (train.Remove(row.Id)) trainRows.Add(row);
            else if (validation.Remove(row.Id)) validationRows.Add(row);
        }

        if (train.Concat(validation).FirstOrDefault() is { } unknown)
        {
            throw new SplitException($"row '{unknown}' of split '{split.Name}' is not in the training data");
        }

        Directory.CreateDirectory(folder);
        var results = new BaselineResult[BaselineCatalog.All.Count];
        try
        {
            Parallel.For(0, results.Length, new ParallelOptions { CancellationToken = cancellation }, i => results[i] = Evaluate(i, trainRows, validationRows));
        }
        catch (AggregateException error)
        {
            // One reason is enough, and callers know it by its type.
            ExceptionDispatchInfo.Throw(error.InnerExceptions[0]);
        }

        AtomicFile.WriteJson(ScoresPath, new BaselineScores(trainSha256, results));
        return results;
    }

    private BaselineResult Evaluate(int number, List<BaselineRow> train, List<BaselineRow> validation)
    {
        var baseline = BaselineCatalog.All[number];
        var predict = baseline.Fit([.. train.Select(row => new TrainingRow(row.Features[number], row.Winner))]);
        var predictions = validation.Select(row => new Prediction(row.Id, predict(row.Features[number]), row.Winner, row.Group)).ToList();
        PredictionFile.Write(PredictionPath(baseline), predictions);
        LossTable.Write(LossesPath(baseline.Id), predictions);
        return new BaselineResult(baseline.Id, baseline.Name, baseline.Summary, Scores.Of(predictions));
    }

    /// <summary>Lets the scores stand for other training data too: data in which the rows of the split are not.</summary>
    /// <param name="trainSha256">SHA-256 of that data.</param>
    public void CountFor(string trainSha256)
    {
        if (JsonFile.TryReadDerived<BaselineScores>(ScoresPath) is not { } stored) return;
        AtomicFile.WriteJson(ScoresPath, stored with { CountsFor = [.. stored.CountsFor.Append(trainSha256).Distinct(StringComparer.Ordinal)] });
    }

    /// <summary>What a baseline says about the validation rows; null where there is no such baseline or it has not been scored.</summary>
    public IEnumerable<Prediction>? Predictions(string baselineId)
    {
        var baseline = BaselineCatalog.All.FirstOrDefault(baseline => baseline.Id == baselineId);
        return baseline is null || !File.Exists(ScoresPath) ? null : PredictionFile.Read(PredictionPath(baseline));
    }

    /// <summary>The summary of a baseline's losses, which is made where an earlier version did not; null where it has not been scored.</summary>
    public LossTable? Losses(string baselineId)
        => LossTable.TryRead(LossesPath(baselineId))
            ?? (Predictions(baselineId) is { } predictions ? LossTable.Write(LossesPath(baselineId), predictions) : null);

    private string LossesPath(string baselineId) => Path.Join(folder, baselineId + ".losses.bin");

    private string PredictionPath(Baseline baseline) => Path.Join(folder, baseline.Id + ".csv");

    /// <summary>The file scores.json.</summary>
    /// <param name="Train">SHA-256 of the training data.</param>
    /// <param name="Baselines">One result a baseline.</param>
    private sealed record BaselineScores(string Train, IReadOnlyList<BaselineResult> Baselines)
    {
        /// <summary>Training data in which the rows are not: the scores are all that there is of them.</summary>
        public IReadOnlyList<string> CountsFor { get; init; } = [];
    }
}

/// <summary>What the baselines need of a battle with a winner: all that is kept of it while a whole file goes by.</summary>
/// <param name="Id">The battle's id.</param>
/// <param name="Group">Its <see cref="PromptGroup"/>.</param>
/// <param name="Winner">Its label.</param>
/// <param name="Features">What each baseline of <see cref="BaselineCatalog.All"/> looks at.</param>
public sealed record BaselineRow(string Id, string Group, Winner Winner, double[][] Features)
{
    /// <summary>The row of a battle.</summary>
    /// <exception cref="ArgumentException">The battle has no winner.</exception>
    public static BaselineRow Of(Battle battle) => Of(battle, PromptGroup.Key(battle));

    /// <summary>The row of a battle whose group is known.</summary>
    /// <exception cref="ArgumentException">The battle has no winner.</exception>
    public static BaselineRow Of(Battle battle, string group) => new(
        battle.Id,
        group,
        battle.Winner ?? throw new ArgumentException($"battle '{battle.Id}' has no winner", nameof(battle)),
        [.. BaselineCatalog.All.Select(baseline => baseline.Features(battle))]);
}
