using System.Runtime.InteropServices;

namespace LoraArena.Cli.Tests;

/// <summary>Where tests find things.</summary>
internal static class Places
{
    private const string Model = "data/models/arena-nano";

    /// <summary>The program: built beside the tests, artifacts/bin/&lt;project&gt;/&lt;configuration&gt;.</summary>
    public static string Arena { get; } = FindArena();

    /// <summary>Root of the runtime that runs the tests: the program is to run on the same.</summary>
    public static string DotnetRoot { get; } = Path.GetFullPath(Path.Join(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));

    /// <summary>A small base model, or the test is skipped where it is missing.</summary>
    public static string RequireModel()
    {
        var folder = Path.Join(FindRepository(), Model);
        Assert.SkipUnless(File.Exists(Path.Join(folder, "model.safetensors")), $"There is no small base model in {Model}.");
        return folder;
    }

    private static string FindArena()
    {
        var here = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
        return Path.GetFullPath(Path.Join(here, "..", "..", "LoraArena.Cli", Path.GetFileName(here), OperatingSystem.IsWindows() ? "arena.exe" : "arena"));
    }

    private static string FindRepository()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Join(folder, "LoraArena.sln")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("LoraArena.sln is in no folder above.");
        }

        return folder;
    }
}
