using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using LoraArena.Core.Files;

namespace LoraArena.Tests.Support;

/// <summary>The real web app as a process of its own, on a free port of loopback.</summary>
internal sealed class WebServer : IAsyncDisposable
{
    private readonly Process _process;

    private WebServer(Process process, Uri address) => (_process, Address) = (process, address);

    public Uri Address { get; }

    public int Pid => _process.Id;

    /// <summary>Starts the app on an arena and waits until it answers.</summary>
    public static async Task<WebServer> StartAsync(ArenaFolder arena, bool addStarter = false, params (string Name, string Value)[] settings)
    {
        var address = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{FreePort()}"));
        var start = new ProcessStartInfo(Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet") { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Repository.Program("LoraArena.Web", "LoraArena.Web"));
        start.Environment["Urls"] = address.ToString();
        start.Environment["Arena__Store"] = arena.Root;
        start.Environment["Arena__AddStarter"] = addStarter ? "true" : "false";
        start.Environment["Runs__FreeSpaceFloor"] = "0";
        start.Environment["Runs__Threads"] = "1";
        foreach (var (name, value) in settings) start.Environment[name] = value;
        var process = Process.Start(start)!;

        // What it prints goes to a file that a failed test leaves for people to read.
        var log = new StreamWriter(Path.Join(Path.GetTempPath(), string.Create(CultureInfo.InvariantCulture, $"arena-web-{process.Id}.log"))) { AutoFlush = true };
        process.OutputDataReceived += (_, line) => Write(log, line.Data);
        process.ErrorDataReceived += (_, line) => Write(log, line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var server = new WebServer(process, address);
        try
        {
            await server.WaitUntilReadyAsync();
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

    private async Task WaitUntilReadyAsync()
    {
        using var client = new HttpClient { BaseAddress = Address };
        for (var i = 0; i < 600; i++)
        {
            if (_process.HasExited) throw new InvalidOperationException($"The web app ended with {_process.ExitCode}; see arena-web-{_process.Id}.log in the temporary folder.");
            try
            {
                if ((await client.GetAsync("/health")).IsSuccessStatusCode) return;
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }

            await Task.Delay(200);
        }

        throw new TimeoutException("The web app did not answer within two minutes.");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
