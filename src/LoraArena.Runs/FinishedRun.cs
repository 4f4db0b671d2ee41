using LoraArena.Core.Json;
using LoraArena.Core.Runs;

namespace LoraArena.Runs;

/// <summary>What a run that has succeeded does not need any more.</summary>
public static class FinishedRun
{
    /// <summary>
    /// Removes the checkpoints of a run that has succeeded; the newest stays where its spec asks for that. The worker does so itself; this
    /// is for one that was ended before it came to it. What cannot be removed stays.
    /// </summary>
    public static void RemoveCheckpoints(RunFolder run)
    {
        if (!Directory.Exists(run.Checkpoints)) return;
        try
        {
            run.RemoveCheckpoints(RunSpec.Read(run.Spec).Training.KeepCheckpoint);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonFileException)
        {
            // They only take up room.
        }
    }
}
