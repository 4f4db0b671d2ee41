namespace LoraArena.Runs;

/// <summary>Settings of runs: the section <c>Runs</c> of appsettings.json.</summary>
public sealed class RunSettings
{
    /// <summary>Runs that train at once on this host.</summary>
    public int MaxRunning { get; set; } = 1;

    /// <summary>Threads of one worker; 0 shares the processors among <see cref="MaxRunning"/>.</summary>
    public int Threads { get; set; }

    /// <summary>Attempts in a row without a new checkpoint after which a run fails.</summary>
    public int MaxAttemptsWithoutProgress { get; set; } = 3;

    /// <summary>Bytes that must be free on the arena's disk for a run to be started.</summary>
    public long FreeSpaceFloor { get; set; } = 2L << 30;
}
