using System.Diagnostics;
using System.Text.Json.Nodes;
using LoraArena.Tests.Support;

namespace LoraArena.Worker.Tests;

/// <summary>The worker as whoever starts it sees it: arguments, two streams, an exit code.</summary>
internal static class WorkerProcess
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    /// <summary>Runs the worker to its end.</summary>
    public static Task<Ended> RunAsync(params string[] arguments) => RunAsync([], arguments);

    /// <summary>Runs the worker to its end, with environment variables of its own.</summary>
    public static async Task<Ended> RunAsync(Dictionary<string, string> environment, string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet"
            ? path
            : "dotnet")
        { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Repository.Program("LoraArena.Worker", "LoraArena.Worker"));
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        start.Environment.Remove("LORAARENA_LIBTORCH");
        foreach (var (name, value) in environment) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(Patience);
        try
        {
            var (output, errors) = (process.StandardOutput.ReadToEndAsync(limit.Token), process.StandardError.ReadToEndAsync(limit.Token));
            await process.WaitForExitAsync(limit.Token);
            return new Ended(process.ExitCode, await output, await errors);
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
    }

    /// <summary>Runs the worker, expects it to succeed, and reads its document.</summary>
    public static async Task<JsonNode> AskAsync(params string[] arguments)
    {
        var ended = await RunAsync(arguments);
        Assert.True(ended.ExitCode == 0, $"worker {string.Join(' ', arguments)} ended with {ended.ExitCode}: {ended.Errors}");
        return JsonNode.Parse(ended.Output)!;
    }

    /// <summary>What a worker left behind.</summary>
    public sealed record Ended(int ExitCode, string Output, string Errors);
}
