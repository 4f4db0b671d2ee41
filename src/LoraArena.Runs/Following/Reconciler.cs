using LoraArena.Core.Runs;
using LoraArena.Runs.Launching;

namespace LoraArena.Runs.Following;

/// <summary>What to do about a run.</summary>
public abstract record Decision
{
    private Decision()
    {
    }

    /// <summary>Nothing: wait.</summary>
    public sealed record Wait : Decision;

    /// <summary>A worker is running it.</summary>
    /// <param name="Phase">What to show where contact is lost; null where all is well.</param>
    public sealed record Running(string? Phase) : Decision;

    /// <summary>It has ended.</summary>
    /// <param name="Result">How.</param>
    public sealed record Ended(RunResult Result) : Decision;

    /// <summary>Its worker died without a result.</summary>
    /// <param name="Reason">What is known of it.</param>
    public sealed record Died(string Reason) : Decision;

    /// <summary>It was asked to stop and no worker is there that could: it is stopped.</summary>
    /// <param name="Reason">How that came.</param>
    public sealed record Stop(string Reason) : Decision;

    /// <summary>It was asked to stop at once and did not: end the process.</summary>
    public sealed record Kill : Decision;
}

/// <summary>
/// Decides from what is seen of a run what is true of it. result.json beats every other sign; a living process beats a silent lease;
/// only proof of death begins another attempt, never silence alone. But whoever wants a run to end gets its end.
/// </summary>
public static class Reconciler
{
    /// <summary>The phase of a run whose worker is silent and cannot be seen from here.</summary>
    public const string LostContact = "lost contact";

    /// <summary>Time in which a started worker must take its lease.</summary>
    public static readonly TimeSpan StartWithin = TimeSpan.FromSeconds(60);

    /// <summary>Silence after which a run on another machine is ended when somebody asks for it.</summary>
    public static readonly TimeSpan GoneAfter = TimeSpan.FromSeconds(60);

    /// <summary>Time that a worker has to follow a request to stop at once.</summary>
    public static readonly TimeSpan StopWithin = TimeSpan.FromSeconds(20);

    /// <summary>The decision.</summary>
    /// <param name="state">State in the index.</param>
    /// <param name="seen">What can be seen.</param>
    /// <param name="attemptBegan">When the attempt was begun.</param>
    /// <param name="requestedAt">When the request was written.</param>
    /// <param name="now">The time.</param>
    public static Decision Decide(RunState state, RunObservation seen, DateTimeOffset attemptBegan, DateTimeOffset? requestedAt, DateTimeOffset now)
    {
        if (seen.Result is { } result) return new Decision.Ended(result);
        var asked = seen.Request is not null;
        if (state == RunState.Interrupted) return asked ? new Decision.Stop("Stopped on request.") : new Decision.Wait();
        if (seen.Alive == false)
        {
            // A worker that was ended because it did not stop has died as it was asked to: no other attempt is begun.
            if (asked) return new Decision.Stop("Stopped on request; its worker ended without a word.");
            return new Decision.Died(seen.Lease is null ? "The worker ended before it began; log.txt may say why." : "The worker's process died.");
        }

        if (seen.Alive == true && seen.Request is { Stop: StopWhen.Now } && now - requestedAt > StopWithin) return new Decision.Kill();
        if (seen.Lease is not { } lease)
        {
            if (seen.Alive is not null || now - attemptBegan <= StartWithin) return new Decision.Wait();
            return asked ? new Decision.Stop("Stopped on request; no worker had taken it.") : new Decision.Died("No worker took the run within a minute.");
        }

        var silence = seen.Alive is null ? now - lease.Heartbeat : TimeSpan.Zero;
        if (asked && silence > GoneAfter) return new Decision.Stop($"Stopped on request; contact with its worker on {lease.Host} had been lost.");
        return new Decision.Running(silence > WorkerProcess.LostAfter ? LostContact : null);
    }
}
