using System.CommandLine;

namespace LoraArena.Cli;

/// <summary>Options that every command has.</summary>
internal static class GlobalOptions
{
    /// <summary>The arena's folder.</summary>
    public static Option<string?> Store { get; } = new("--store")
    {
        Description = $"The arena's folder; by default what {AppFolder.StoreVariable} says, else the app's setting Arena:Store.",
        HelpName = "DIR",
        Recursive = true,
    };

    /// <summary>JSON on stdout.</summary>
    public static Option<bool> Json { get; } = new("--json")
    {
        Description = "Print one JSON document; progress and sentences go to stderr.",
        Recursive = true,
    };
}
