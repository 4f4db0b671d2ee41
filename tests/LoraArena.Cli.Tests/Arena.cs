using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Data.Sqlite;

namespace LoraArena.Cli.Tests;

/// <summary>
/// An arena of a test's own, with the command line to use it: in the tests' process, which is cheap, or as the program that people start,
/// which runs in the folder of <see cref="At"/>. In the tests' process files have to be named by their full paths.
/// </summary>
public sealed class Arena : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);
    private readonly string _root = Directory.CreateTempSubdirectory("loraarena-cli-").FullName;

    /// <summary>The arena's folder.</summary>
    public string Store => At("store");

    /// <summary>The full path of a file or folder of the test's own.</summary>
    public string At(string name) => Path.Join(_root, name);

    /// <summary>Writes a file there.</summary>
    public void Write(string name, string content)
    {
        using var file = File.Create(At(name));
        file.Write(Encoding.UTF8.GetBytes(content));
    }

    /// <summary>Runs a command in this process to its end.</summary>
    public Task<Ended> RunAsync(params string[] arguments) => RunAsync("", arguments);

    /// <summary>Runs a command in this process with text to read.</summary>
    public async Task<Ended> RunAsync(string input, string[] arguments)
    {
        string[] store = arguments.Any(argument => argument.StartsWith("--store", StringComparison.Ordinal)) ? [] : ["--store", Store];
        using var output = new StringWriter();
        using var errors = new StringWriter();
        var running = Task.Run(() =>
        {
            Terminal.Use(new StringReader(input), TextWriter.Synchronized(output), TextWriter.Synchronized(errors));
            return ArenaCommandLine.RunAsync([.. arguments, .. store], TestContext.Current.CancellationToken);
        });
        return new Ended(await running.WaitAsync(Patience), output.ToString(), errors.ToString());
    }

    /// <summary>Runs a command in this process with --json, expects it to succeed, and reads its document.</summary>
    public async Task<JsonNode> AskAsync(params string[] arguments) => Succeeded(arguments, await RunAsync([.. arguments, "--json"]));

    /// <summary>Runs the program to its end.</summary>
    public Task<Ended> RunProgramAsync(params string[] arguments) => RunProgramAsync("", arguments);

    /// <summary>Runs the program with text on its stdin.</summary>
    public async Task<Ended> RunProgramAsync(string input, string[] arguments)
    {
        using var running = Start(arguments);
        await running.Process.StandardInput.WriteAsync(input);
        running.Process.StandardInput.Close();
        return await running.EndAsync();
    }

    /// <summary>Runs the program with --json, expects it to succeed, and reads its document.</summary>
    public async Task<JsonNode> AskProgramAsync(params string[] arguments) => Succeeded(arguments, await RunProgramAsync([.. arguments, "--json"]));

    /// <summary>Starts the program.</summary>
    public Running Start(params string[] arguments) => Start(new Dictionary<string, string>(), arguments);

    /// <summary>Starts the program with other environment variables; an empty one is taken away.</summary>
    public Running Start(IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        var start = new ProcessStartInfo(Places.Arena)
        {
            WorkingDirectory = _root,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        start.Environment["LORAARENA_STORE"] = Store;
        start.Environment["DOTNET_ROOT"] = Places.DotnetRoot;
        foreach (var (name, value) in environment) start.Environment[name] = value;
        return new Running(Process.Start(start)!);
    }

    /// <summary>Deletes the database; what this process has open of it is let go.</summary>
    public void DeleteDatabase()
    {
        SqliteConnection.ClearAllPools();
        foreach (var file in Directory.EnumerateFiles(Store, "arena.db*")) File.Delete(file);
    }

    public void Dispose()
    {
        SqliteConnection.ClearAllPools();
        try
        {
            Directory.Delete(_root, recursive: true);
        }
        catch (IOException)
        {
            // A worker that a failed test left behind still writes.
        }
    }

    private static JsonNode Succeeded(string[] arguments, Ended ended)
    {
        Assert.True(ended.ExitCode == 0, $"arena {string.Join(' ', arguments)} ended with {ended.ExitCode}: {ended.Errors}");
        return ended.Document();
    }

    /// <summary>A program that runs.</summary>
    public sealed class Running : IDisposable
    {
        private readonly Task<string> _output, _errors;

        public Running(Process process)
        {
            Process = process;
            _output = process.StandardOutput.ReadToEndAsync();
            _errors = process.StandardError.ReadToEndAsync();
        }

        public Process Process { get; }

        /// <summary>Waits for its end, and for that of its output: a process it leaves behind must not keep that open.</summary>
        public async Task<Ended> EndAsync()
        {
            using var patience = new CancellationTokenSource(Patience);
            await Process.WaitForExitAsync(patience.Token);
            return new Ended(Process.ExitCode, await _output.WaitAsync(patience.Token), await _errors.WaitAsync(patience.Token));
        }

        public void Dispose()
        {
            if (!Process.HasExited) Process.Kill();
            Process.Dispose();
        }
    }

    /// <summary>What a program that has ended said.</summary>
    public sealed record Ended(int ExitCode, string Output, string Errors)
    {
        /// <summary>Its output as one JSON document; text before or after it is an error.</summary>
        public JsonNode Document()
        {
            try
            {
                return JsonNode.Parse(Output)!;
            }
            catch (JsonException error)
            {
                throw new Xunit.Sdk.XunitException($"Stdout is not one JSON document: {error.Message}\n{Output}\n{Errors}");
            }
        }
    }
}
