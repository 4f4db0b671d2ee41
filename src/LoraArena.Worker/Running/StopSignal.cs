using System.Runtime.InteropServices;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;

namespace LoraArena.Worker.Running;

/// <summary>Whether the worker is asked to stop: by request.json, or by SIGTERM, SIGINT or SIGUSR1, which mean "after a checkpoint".</summary>
internal sealed class StopSignal : IDisposable
{
    private const PosixSignal UserSignal1 = (PosixSignal)10;
    private readonly RunFolder _run;
    private readonly List<PosixSignalRegistration> _registrations = [];
    private volatile string? _signal;

    public StopSignal(RunFolder run)
    {
        _run = run;
        Listen(PosixSignal.SIGTERM);
        Listen(PosixSignal.SIGINT);
        if (OperatingSystem.IsLinux()) Listen(UserSignal1);
    }

    /// <summary>When to stop and why; null to go on. Looks at the disk, so ask between steps, not within.</summary>
    public (StopWhen When, string Reason)? Asked()
    {
        if (_signal is { } signal) return (StopWhen.AfterCheckpoint, $"The worker was sent {signal}.");
        try
        {
            return JsonFile.TryRead<RunRequest>(_run.Request) is { } request ? (request.Stop, "Stopped on request.") : null;
        }
        catch (JsonFileException)
        {
            // A request that cannot be read was not written by us; the run goes on.
            return null;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var registration in _registrations) registration.Dispose();
    }

    private void Listen(PosixSignal signal) => _registrations.Add(PosixSignalRegistration.Create(signal, context =>
    {
        context.Cancel = true;
        _signal = signal == UserSignal1 ? "SIGUSR1" : signal.ToString();
    }));
}
