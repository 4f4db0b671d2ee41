using LoraArena.Core.Runs;

namespace LoraArena.Runs.Trials;

/// <summary>Says how far a trial is, and how long it will take.</summary>
public static class TrialProgress
{
    /// <summary>The sentence of a trial that goes on.</summary>
    /// <param name="status">How it stands.</param>
    /// <param name="now">What time it is.</param>
    public static string Sentence(TrialStatus status, DateTimeOffset now)
    {
        var (all, over, active) = (status.Lines.Count, status.Lines.Count(l => l.IsOver), status.Lines.Count(IsActive));
        var first = FormattableString.Invariant($"{over:#,0} of {all:#,0} runs have ended");
        var trains = active == 0 ? "" : FormattableString.Invariant($", {active} {(active == 1 ? "trains" : "train")}");
        return SecondsLeft(status, now) is { } left
            ? FormattableString.Invariant($"{first}{trains}; about {Duration(left)} to go at the speed so far.")
            : $"{first}{trains}.";
    }

    /// <summary>Seconds that are left at the speed so far; null before anything is known of it.</summary>
    /// <param name="status">How it stands.</param>
    /// <param name="now">What time it is.</param>
    public static double? SecondsLeft(TrialStatus status, DateTimeOffset now)
    {
        var begun = status.Lines.Select(l => l.Run?.AttemptMs).OfType<long>().DefaultIfEmpty(-1).Min();
        var ended = status.Lines.Count(l => l.IsOver && l.Run?.AttemptMs is not null);
        if (begun < 0 || ended == 0) return null;

        // Half a run for each that trains, until its steps are known.
        var done = ended + status.Lines.Where(IsActive).Sum(l => l.Run!.Steps > 0 ? Math.Min(1, (double)l.Run.Step / l.Run.Steps) : 0.5);
        var left = status.Lines.Count(l => !l.IsOver) - (done - ended);
        return (now.ToUnixTimeMilliseconds() - begun) / 1000.0 / done * left;
    }

    private static bool IsActive(TrialLine line) => line.Run is not null && RunState.Parse(line.Run.State).IsActive;

    private static string Duration(double seconds) => seconds switch
    {
        < 90 => FormattableString.Invariant($"{Math.Max(1, Math.Round(seconds)):0} s"),
        < 5400 => FormattableString.Invariant($"{seconds / 60:0} min"),
        _ => FormattableString.Invariant($"{seconds / 3600:0.0} h"),
    };
}
