using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LoraArena.Cli.Tests;

/// <summary>Signals to processes, and whom to send them to.</summary>
internal static class Signals
{
    /// <summary>Sends a signal to a process.</summary>
    public static async Task SendAsync(string signal, int pid)
    {
        using var kill = Process.Start(new ProcessStartInfo("kill", ["-" + signal, pid.ToString(CultureInfo.InvariantCulture)]))!;
        await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, kill.ExitCode);
    }

    /// <summary>The worker of a run's first attempt, once it has taken the run.</summary>
    /// <param name="run">The run's folder.</param>
    public static async Task<int> WorkerAsync(string run)
    {
        var lease = Path.Join(run, "attempt.0001", "lease.json");
        while (true)
        {
            try
            {
                if (File.Exists(lease)) return (int)JsonNode.Parse(File.ReadAllText(lease))!["pid"]!;
            }
            catch (JsonException)
            {
                // It is being written.
            }

            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }
}
