namespace LoraArena.Cli;

/// <summary>Exit codes: the contract with scripts.</summary>
internal static class Exit
{
    /// <summary>Done.</summary>
    public const int Done = 0;

    /// <summary>Failed; the reason is on stderr.</summary>
    public const int Failed = 1;

    /// <summary>Wrong usage.</summary>
    public const int WrongUsage = 2;

    /// <summary>An input was refused; the reason is on stderr.</summary>
    public const int Refused = 3;

    /// <summary>Interrupted by Ctrl+C, SIGTERM or SIGHUP; or the run that was followed was stopped.</summary>
    public const int Interrupted = 130;
}
