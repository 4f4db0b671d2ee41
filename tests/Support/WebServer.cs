using System.Diagnostics;
using System.Globalization;
using LoraArena.Core.Files;

namespace LoraArena.Tests.Support;

/// <summary>The real web app as a process of its own, on a free port of loopback.</summary>
internal sealed class WebServer : IAsyncDisposable
{
    private const string Listening = "Now listening on: ";
    private readonly Process _process;

    private WebServer(Process process) => _process = process;

    public Uri Address { get; private set; } = null!;

    public int Pid => _process.Id;

    /// <summary>Starts the app on an arena and waits until it answers.</summary>
    public static async Task<WebServer> StartAsync(ArenaFolder arena, bool addStarter = false, params (string Name, string Value)[] settings)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet"
            ? path
            : "dotnet")
        { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Repository.Program("LoraArena.Web", "LoraArena.Web"));
        // The system gives a port that nobody else has, and the app says which.
        start.Environment["Urls"] = "http://127.0.0.1:0";
        start.Environment["Logging__LogLevel__Microsoft.Hosting.Lifetime"] = "Information";
        var address = new TaskCompletionSource<Uri>(TaskCreationOptions.RunContinuationsAsynchronously);
        start.Environment["Arena__Store"] = arena.Root;
        start.Environment["Arena__AddStarter"] = addStarter ? "true" : "false";
        start.Environment["Runs__FreeSpaceFloor"] = "0";
        start.Environment["Runs__Threads"] = "1";
        foreach (var (name, value) in settings) start.Environment[name] = value;
        var process = Process.Start(start)!;

        // What it prints goes to a file that a failed test leaves for people to read.
        var log = new StreamWriter(Path.Join(
            Path.GetTempPath(), string.Create(CultureInfo.InvariantCulture, $"arena-web-{process.Id}.log")))
        { AutoFlush = true };
        process.OutputDataReceived += (_, line) =>
        {
            if (line.Data?.IndexOf(Listening, StringComparison.Ordinal) is >= 0 and var at)
            {
                address.TrySetResult(new Uri(line.Data[(at + Listening.Length)..].Trim()));
            }

            Write(log, line.Data);
        };
        process.ErrorDataReceived += (_, line) => Write(log, line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var server = new WebServer(process);
        try
        {
            await server.WaitUntilReadyAsync(address.Task);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Ends the process with SIGKILL: it has no time to do anything.</summary>
    public async Task KillAsync()
    {
        _process.Kill(entireProcessTree: false);
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) await KillAsync();
        _process.Dispose();
    }

    private static void Write(StreamWriter log, string? line)
    {
        if (line is null) return;
        lock (log) log.WriteLine(line);
    }

    private async Task WaitUntilReadyAsync(Task<Uri> address)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(10));
        var ended = _process.WaitForExitAsync(limit.Token);
        if (await Task.WhenAny(address, ended) == ended)
        {
            throw limit.IsCancellationRequested
                ? new TimeoutException("The web app did not listen within four minutes.")
                : new InvalidOperationException($"The web app ended with {_process.ExitCode}; see arena-web-{_process.Id}.log in the temporary folder.");
        }

        Address = await address;
        using var client = new HttpClient { BaseAddress = Address };
        while (!(await client.GetAsync("/health", limit.Token)).IsSuccessStatusCode) await Task.Delay(100, limit.Token);
    }
}
