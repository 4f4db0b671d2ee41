using LoraArena.Core.Runs;
using LoraArena.Runs.Launching;
using Microsoft.Extensions.Logging;

namespace LoraArena.Runs.Trials;

/// <summary>Moves all trials of an arena on. Only the holder of the <see cref="SupervisorLock"/> may call it.</summary>
public sealed class TrialLoop(TrialLibrary trials, TrialService service, ILogger<TrialLoop> log)
{
    private readonly HashSet<string> _over = new(StringComparer.Ordinal);

    /// <summary>One look at every trial that is not over.</summary>
    public async Task PassAsync(CancellationToken cancel)
    {
        foreach (var id in trials.Ids().Where(id => !_over.Contains(id)))
        {
            try
            {
                if (await service.AdvanceAsync(id, cancel) is not { IsOver: false }) _over.Add(id);
            }
            catch (Exception error) when (error is RunRefusedException or OptionException or WorkerException or RunFileException or IOException or UnauthorizedAccessException)
            {
                log.LogError("Trial {Trial} cannot be moved on: {Reason}", id, error.Message);
            }
        }
    }
}
