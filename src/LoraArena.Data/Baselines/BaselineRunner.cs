using LoraArena.Core.Battles;
using LoraArena.Core.Files;
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
/// <param name="split">The split.</param>
/// <param name="fold">The fold that validates, where the split has folds.</param>
public sealed class BaselineRunner(string folder, Split split, int? fold)
{
    private string ScoresPath => Path.Join(folder, "scores.json");

    /// <summary>The scores of all baselines, from the simplest on; they are worked out where they are not there yet.</summary>
    /// <param name="trainSha256">SHA-256 of the training data: scores of other data do not count.</param>
    /// <param name="readBattles">Streams that data; called at most once.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="SplitException">The split has no such fold, or its rows are not in the training data.</exception>
    public IReadOnlyList<BaselineResult> Evaluate(string trainSha256, Func<IEnumerable<Battle>> readBattles, CancellationToken cancellation = default)
    {
        var (trainIds, validationIds) = split.Assign(fold);
        if (Stored(trainSha256) is { } stored) return stored;
        var (train, validation) = (trainIds.ToHashSet(StringComparer.Ordinal), validationIds.ToHashSet(StringComparer.Ordinal));
        var baselines = BaselineCatalog.All;
        var trainRows = baselines.Select(_ => new List<TrainingRow>(train.Count)).ToList();
        var validationRows = new List<(string Id, Winner? Winner, string Group, double[][] Features)>(validation.Count);
        foreach (var battle in readBattles())
        {
            if (train.Remove(battle.Id))
            {
                for (var i = 0; i < baselines.Count; i++) trainRows[i].Add(baselines[i].Row(battle));
            }
            else if (validation.Remove(battle.Id))
            {
                validationRows.Add((battle.Id, battle.Winner, PromptGroup.Key(battle), [.. baselines.Select(baseline => baseline.Features(battle))]));
            }
        }

        if (train.Concat(validation).FirstOrDefault() is { } unknown)
        {
            throw new SplitException($"row '{unknown}' of split '{split.Name}' is not in the training data");
        }

        Directory.CreateDirectory(folder);
        var results = new List<BaselineResult>();
        for (var i = 0; i < baselines.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            var (baseline, predict) = (baselines[i], baselines[i].Fit(trainRows[i]));
            var predictions = validationRows.Select(row => new Prediction(row.Id, predict(row.Features[i]), row.Winner, row.Group)).ToList();
            PredictionFile.Write(PredictionPath(baseline), predictions);
            LossTable.Write(LossesPath(baseline.Id), predictions);
            results.Add(new BaselineResult(baseline.Id, baseline.Name, baseline.Summary, Scores.Of(predictions)));
        }

        AtomicFile.WriteJson(ScoresPath, new BaselineScores(trainSha256, results));
        return results;
    }

    /// <summary>What a baseline says about the validation rows; null where there is no such baseline or it has not been scored.</summary>
    public IEnumerable<Prediction>? Predictions(string baselineId)
    {
        var baseline = BaselineCatalog.All.FirstOrDefault(baseline => baseline.Id == baselineId);
        return baseline is null || !File.Exists(ScoresPath) ? null : PredictionFile.Read(PredictionPath(baseline));
    }

    /// <summary>The summary of a baseline's losses, which is made where an earlier version did not; null where it has not been scored.</summary>
    public LossTable? Losses(string baselineId)
        => LossTable.TryRead(LossesPath(baselineId)) ?? (Predictions(baselineId) is { } predictions ? LossTable.Write(LossesPath(baselineId), predictions) : null);

    private string LossesPath(string baselineId) => Path.Join(folder, baselineId + ".losses.bin");

    /// <summary>Scores that were worked out from the same training data by the baselines that there are today.</summary>
    private IReadOnlyList<BaselineResult>? Stored(string trainSha256)
    {
        var stored = RunFile.TryRead<BaselineScores>(ScoresPath);
        var known = stored?.Train == trainSha256 && stored.Baselines.Select(result => result.Id).SequenceEqual(BaselineCatalog.All.Select(baseline => baseline.Id));
        return known ? stored!.Baselines : null;
    }

    private string PredictionPath(Baseline baseline) => Path.Join(folder, baseline.Id + ".csv");

    /// <summary>The file scores.json.</summary>
    /// <param name="Train">SHA-256 of the training data.</param>
    /// <param name="Baselines">One result a baseline.</param>
    private sealed record BaselineScores(string Train, IReadOnlyList<BaselineResult> Baselines);
}
