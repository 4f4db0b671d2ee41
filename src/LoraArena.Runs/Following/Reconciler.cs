using LoraArena.Core.Runs;

namespace LoraArena.Runs.Following;

/// <summary>What can be seen of a run's present attempt.</summary>
/// <param name="Result">result.json, where it is there.</param>
/// <param name="Request">request.json, where it is there.</param>
/// <param name="Lease">The attempt's lease, where a worker has taken it.</param>
/// <param name="Alive">Whether the process is alive; null where that cannot be seen from here (another machine, or no process known).</param>
public sealed record RunSigns(RunResult? Result, RunRequest? Request, RunLease? Lease, bool? Alive);

/// <summary>What to do about a run.</summary>
public abstract record Verdict
{
    private Verdict()
    {
    }

    /// <summary>Nothing: wait.</summary>
    public sealed record Wait : Verdict;

    /// <summary>A worker is at it.</summary>
    /// <param name="Phase">What to show where contact is lost; null where all is well.</param>
    public sealed record Runs(string? Phase) : Verdict;

    /// <summary>It has ended.</summary>
    /// <param name="Result">How.</param>
    public sealed record Ended(RunResult Result) : Verdict;

    /// <summary>Its worker died without a result.</summary>
    /// <param name="Reason">What is known of it.</param>
    public sealed record Died(string Reason) : Verdict;

    /// <summary>It was asked to stop and no worker is there that could: it is stopped.</summary>
    public sealed record StopNow : Verdict;

    /// <summary>It was asked to stop at once and did not: end the process.</summary>
    public sealed record Kill : Verdict;
}

/// <summary>
/// Decides from the signs of a run what is true of it. result.json beats every other sign; a living process beats a silent lease;
/// only proof of death begins another attempt, never silence alone.
/// </summary>
public static class Reconciler
{
    /// <summary>Time in which a started worker must take its lease.</summary>
    public static readonly TimeSpan StartWithin = TimeSpan.FromSeconds(60);

    /// <summary>Silence after which contact with a worker on another machine counts as lost.</summary>
    public static readonly TimeSpan LostAfter = TimeSpan.FromSeconds(15);

    /// <summary>Time that a worker has to follow a request to stop at once.</summary>
    public static readonly TimeSpan StopWithin = TimeSpan.FromSeconds(20);

    /// <summary>The verdict.</summary>
    /// <param name="state">State in the index.</param>
    /// <param name="signs">What can be seen.</param>
    /// <param name="attemptBegan">When the attempt was begun.</param>
    /// <param name="requestedAt">When the request was written.</param>
    /// <param name="now">The time.</param>
    public static Verdict Decide(RunState state, RunSigns signs, DateTimeOffset attemptBegan, DateTimeOffset? requestedAt, DateTimeOffset now)
    {
        if (signs.Result is { } result) return new Verdict.Ended(result);
        if (state == RunState.Interrupted) return signs.Request is null ? new Verdict.Wait() : new Verdict.StopNow();
        if (signs.Alive == false) return new Verdict.Died(signs.Lease is null ? "The worker ended before it began; log.txt may say why." : "The worker's process died.");
        if (signs.Alive == true && signs.Request is { Stop: StopWhen.Now } && now - requestedAt > StopWithin) return new Verdict.Kill();
        if (signs.Lease is not { } lease)
        {
            return signs.Alive is null && now - attemptBegan > StartWithin ? new Verdict.Died("No worker took the run within a minute.") : new Verdict.Wait();
        }

        var lost = signs.Alive is null && now - lease.Heartbeat > LostAfter;
        return new Verdict.Runs(lost ? "lost contact" : null);
    }
}
