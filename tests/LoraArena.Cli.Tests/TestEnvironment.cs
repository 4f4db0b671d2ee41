using System.Globalization;
using System.Runtime.CompilerServices;

namespace LoraArena.Cli.Tests;

/// <summary>The environment of all commands, in this process and in others: that of the program, and nothing that the host's user has set.</summary>
internal static class TestEnvironment
{
    [ModuleInitializer]
    internal static void SetUp()
    {
        // As Program.cs does.
        CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture;
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;

        foreach (var name in Environment.GetEnvironmentVariables()
            .Keys.Cast<string>()
            .Where(name => name.StartsWith("LORAARENA_", StringComparison.Ordinal))
            .ToList())
        {
            Environment.SetEnvironmentVariable(name, null);
        }

        // One thread a worker: several tests run at once. And a small disk is no reason for a test to fail.
        Environment.SetEnvironmentVariable("Runs__Threads", "1");
        Environment.SetEnvironmentVariable("Runs__FreeSpaceFloor", "0");
    }
}
