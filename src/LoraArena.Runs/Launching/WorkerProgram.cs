using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using LoraArena.Core.Json;

namespace LoraArena.Runs.Launching;

/// <summary>The worker's program on this host: where it is, and how it is started. Nothing here loads its code.</summary>
public sealed class WorkerProgram
{
    /// <summary>Names another worker than the one that was built with the app.</summary>
    public const string PathVariable = "LORAARENA_WORKER";

    private const string Assembly = "LoraArena.Worker.dll";

    // macOS has no setsid; there the worker leaves the session by itself, a moment later.
    private const string DetachScript =
        "log=$1; shift; exec < /dev/null >> \"$log\" 2>&1; if command -v setsid > /dev/null; then exec setsid \"$@\"; else exec \"$@\"; fi";

    // The worker's environment is built, not inherited: what the app knows (connection strings, tokens) is not the worker's business.
    private static readonly string[] InheritedVariables =
    [
        "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TEMP", "TMP", "LANG", "LC_ALL", "TZ", "SystemRoot", "LD_LIBRARY_PATH", "DOTNET_ROOT",
        "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT",
        "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "NVIDIA_VISIBLE_DEVICES", "PYTORCH_CUDA_ALLOC_CONF", "CUBLAS_WORKSPACE_CONFIG",
        "LORAARENA_LIBTORCH", "OMP_NUM_THREADS", "MKL_NUM_THREADS",
    ];

    // Where the user has set nothing. Threads of libtorch that wait for one another give their core away: spinning, a training loses half its
    // speed to any other busy process. Memory of tensors that are let go is kept for the next ones: asked of the system anew, page by
    // page, it takes a fifth of a training's time. The collector's room for young objects (64 MiB, in hexadecimal) is more than a step needs:
    // the worker collects between steps, since a collection in the middle of a call of libtorch can free the call's arguments.
    private static readonly Dictionary<string, string> Defaults = new(StringComparer.Ordinal)
    {
        ["OMP_WAIT_POLICY"] = "passive",
        ["DOTNET_GCgen0size"] = "4000000",
        ["MALLOC_MMAP_THRESHOLD_"] = "1073741824",
        ["MALLOC_TRIM_THRESHOLD_"] = "4294967296",
    };

    private readonly string _dll;

    private WorkerProgram(string dll) => _dll = dll;

    /// <summary>Finds the worker: where <see cref="PathVariable"/> says, else beside the program.</summary>
    /// <exception cref="WorkerException">It is not there.</exception>
    public static WorkerProgram Find()
    {
        var chosen = Environment.GetEnvironmentVariable(PathVariable);
        var here = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);

        // Published: worker/ in the app's folder. Built: artifacts/bin/<project>/<configuration>, the worker's beside the app's.
        string[] places = string.IsNullOrEmpty(chosen)
            ? [Path.Join(here, "worker", Assembly), Path.Join(here, "..", "..", "LoraArena.Worker", Path.GetFileName(here), Assembly)]
            : [chosen];
        var found = places.FirstOrDefault(File.Exists)
            ?? throw new WorkerException($"The worker is not there: {string.Join(" or ", places.Select(Path.GetFullPath))}. Build the whole solution, or let {PathVariable} name LoraArena.Worker.dll.");
        return new WorkerProgram(Path.GetFullPath(found));
    }

    /// <summary>
    /// The program that runs other .NET programs: of the runtime that runs this process, <c>root/shared/Microsoft.NETCore.App/version/</c>
    /// → <c>root/dotnet</c>.
    /// </summary>
    public static string Dotnet()
    {
        var name = OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet";
        var root = Path.GetFullPath(Path.Join(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", name));
        return File.Exists(root) ? root : name;
    }

    /// <summary>Its folder.</summary>
    public string Folder => Path.GetDirectoryName(_dll)!;

    /// <summary>SHA-256 over the worker's own assemblies: changes when what it can do may have changed.</summary>
    public string Hash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in Directory.EnumerateFiles(Folder, "LoraArena.*.dll").Order(StringComparer.Ordinal))
        {
            hash.AppendData(File.ReadAllBytes(file));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Runs a command of the worker that prints one JSON document, and reads it.</summary>
    /// <exception cref="WorkerException">The worker refused or failed; the message is what it said.</exception>
    public async Task<T> AskAsync<T>(IEnumerable<string> arguments, CancellationToken cancel)
    {
        var start = StartInfo(arguments);
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        using var process = Start(start);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(cancel);
            var errors = process.StandardError.ReadToEndAsync(cancel);
            await process.WaitForExitAsync(cancel);
            if (process.ExitCode != 0) throw new WorkerException(LastErrorLine(await errors), process.ExitCode == 3);
            return JsonSerializer.Deserialize<T>(await output, ArenaJson.Indented) ?? throw new WorkerException("The worker printed nothing.");
        }
        catch (JsonException error)
        {
            throw new WorkerException($"The worker's answer cannot be read: {error.Message}");
        }
        finally
        {
            // Only where the caller lost interest: a command that has ended is not touched by this.
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }

    /// <summary>Starts a worker that outlives this process: it leaves our session and writes into its own log.</summary>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="log">The file that all its output is appended to.</param>
    /// <returns>Its process id.</returns>
    /// <exception cref="WorkerException">It cannot be started.</exception>
    public int StartDetached(IEnumerable<string> arguments, string log)
    {
        using var process = Start(OperatingSystem.IsWindows() ? StartInfo(arguments) : Detached(StartInfo(arguments), log));
        try
        {
            // Pages stay responsive while a run uses every core.
            process.PriorityClass = ProcessPriorityClass.BelowNormal;
        }
        catch (Exception error) when (error is Win32Exception or InvalidOperationException or NotSupportedException)
        {
            // It has ended already, or the system does not allow it; the run is none the worse.
        }

        return process.Id;
    }

    private ProcessStartInfo StartInfo(IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(Dotnet()) { UseShellExecute = false, WorkingDirectory = Path.GetDirectoryName(_dll)! };
        start.ArgumentList.Add(_dll);
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        start.Environment.Clear();
        foreach (var (name, value) in Defaults) start.Environment[name] = value;
        foreach (var name in InheritedVariables.Concat(Defaults.Keys))
        {
            if (Environment.GetEnvironmentVariable(name) is { } value) start.Environment[name] = value;
        }

        if (WorkerAllocator.Find() is { } allocator) start.Environment["LD_PRELOAD"] = allocator;
        return start;
    }

    // A runtime keeps copies of the output that it was started with, so whoever reads ours (a pipe, ssh, a CI system) would wait for the
    // worker's end too; and until it has left our session, Ctrl+C reaches it. So a shell opens the log and leaves the session before it
    // becomes the worker. The process id stays the same.
    private static ProcessStartInfo Detached(ProcessStartInfo worker, string log)
    {
        var start = new ProcessStartInfo("/bin/sh") { UseShellExecute = false, WorkingDirectory = worker.WorkingDirectory };
        foreach (var argument in new[] { "-c", DetachScript, "sh", log, worker.FileName }.Concat(worker.ArgumentList)) start.ArgumentList.Add(argument);
        start.Environment.Clear();
        foreach (var (name, value) in worker.Environment) start.Environment[name] = value;
        return start;
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start) ?? throw new WorkerException("The worker could not be started.");
        }
        catch (Win32Exception error)
        {
            throw new WorkerException($"The worker could not be started: {error.Message}");
        }
    }

    private static string LastErrorLine(string errors)
    {
        var lines = errors.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return lines.Length > 0 ? lines[^1] : "The worker ended without a word.";
    }
}

/// <summary>The worker is missing, refused or failed.</summary>
/// <param name="message">What it said.</param>
/// <param name="refused">True where it refused an input, false where something broke.</param>
public sealed class WorkerException(string message, bool refused = false) : Exception(message)
{
    /// <summary>True where it refused an input, false where something broke.</summary>
    public bool Refused { get; } = refused;
}
