using LoraArena.Core.Runs;

namespace LoraArena.Core.Competitions;

/// <summary>A run that has ended without success. It has no place on the board, but what it cost counts.</summary>
/// <param name="Spec">What it was told.</param>
/// <param name="Settings">The method that it belongs to.</param>
/// <param name="Result">How it ended, and what it took.</param>
public sealed record FailedRun(RunSpec Spec, MethodSettings Settings, RunResult Result)
{
    /// <summary>How it ended, in a word or two: what is special about the end, else the state.</summary>
    public string End => Result.Flag switch
    {
        RunMark.Diverged => "diverged",
        RunMark.OutOfMemory => "out of memory",
        RunMark.DiskFull => "disk full",
        _ => Result.State.Name,
    };
}

/// <summary>Runs of one method, or a single run, that have ended without success.</summary>
/// <param name="Name">What to call them: as the method's line on the board, where it has one.</param>
/// <param name="Runs">The runs, the newest first.</param>
public sealed record FailedLine(string Name, IReadOnlyList<FailedRun> Runs)
{
    /// <summary>Id of the variant.</summary>
    public string Variant => Runs[0].Settings.Variant;

    /// <summary>How they ended, with how often where there are several: <c>2 diverged, 1 failed</c>.</summary>
    public string Ends
        => Runs.Count == 1 ? Runs[0].End : string.Join(", ", Runs.GroupBy(r => r.End).OrderByDescending(g => g.Count()).Select(g => $"{g.Count()} {g.Key}"));

    /// <summary>Seconds that they took together; null where none came so far that it is known.</summary>
    public double? Seconds => Sum(c => c.Seconds);

    /// <summary>The largest memory of one of them.</summary>
    public long? PeakMemoryBytes => Runs.Max(r => r.Result.Cost?.PeakMemoryBytes);

    /// <summary>The largest of what came on top of the loaded model.</summary>
    public long? PeakMemoryAboveBaseBytes => Runs.Max(r => r.Result.Cost?.MeasuredAboveBaseBytes);

    /// <summary>Tokens a second of the newest that came so far.</summary>
    public double? TokensPerSecond => Runs.Select(r => r.Result.Cost?.TokensPerSecond).FirstOrDefault(v => v is not null);

    /// <summary>Trainable parameters.</summary>
    public long? TrainableParameters => Runs.Max(r => r.Result.Cost?.TrainableParameters);

    private double? Sum(Func<RunCost, double> value)
    {
        var costs = Runs.Select(r => r.Result.Cost).OfType<RunCost>().ToList();
        return costs.Count == 0 ? null : costs.Sum(value);
    }
}
