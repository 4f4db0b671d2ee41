using LoraArena.Core.Runs;

namespace LoraArena.Worker.Running;

/// <summary>Renews the attempt's lease every few seconds for as long as the process lives, whatever the training thread is doing.</summary>
internal sealed class Heartbeat : IDisposable
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);
    private readonly ITimer _timer;

    public Heartbeat(RunFolder run, RunLease lease, TimeProvider time)
    {
        _timer = time.CreateTimer(_ => Renew(run, lease, time), null, Every, Every);
    }

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private static void Renew(RunFolder run, RunLease lease, TimeProvider time)
    {
        try
        {
            lease.Renew(run, time.GetUtcNow());
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // A full disk must not end the run by way of its heartbeat; a later beat or the journal will say what is wrong.
            WorkerLog.Error($"The lease could not be renewed: {error.Message}");
        }
    }
}
