using Microsoft.Extensions.Logging;

namespace LoraArena.Runs.Trials;

/// <summary>Moves all trials of an arena on. Only the holder of the <see cref="SupervisorLock"/> may call it.</summary>
public sealed class TrialLoop(TrialLibrary trials, TrialService service, ArenaProblems problems, ILogger<TrialLoop> log)
{
    private const string ProblemKind = "trial ";
    private readonly HashSet<string> _over = new(StringComparer.Ordinal);

    /// <summary>One look at every trial that is not over.</summary>
    public async Task PassAsync(CancellationToken cancel)
    {
        foreach (var id in trials.Ids().Where(id => !_over.Contains(id)))
        {
            try
            {
                // A damaged file is reported until it is mended or taken away.
                if (trials.Read(id) is null) continue;
                if (await service.AdvanceAsync(id, cancel) is { IsOver: true }) _over.Add(id);
                problems.Clear(ProblemKind + id);
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                // One trial does not hold up the others, nor the runs that are there.
                var name = trials.TryRead(id)?.Plan.Name ?? id;
                var report = problems.Report(
                    ProblemKind + id,
                    $"Trial '{name}' cannot go on: {error.GetBaseException().Message} Its runs so far are kept; mend the cause, or cancel the trial.");
                if (report) log.LogError(error, "Trial {Trial} cannot be moved on", id);
            }
        }
    }
}
