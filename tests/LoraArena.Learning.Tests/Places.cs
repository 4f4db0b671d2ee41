using System.Diagnostics;

namespace LoraArena.Learning.Tests;

/// <summary>Where tests find and put files.</summary>
internal static class Places
{
    private static readonly TimeSpan PythonTimeout = TimeSpan.FromMinutes(10);

    /// <summary>Root of the repository.</summary>
    public static string Repository { get; } = FindRepository();

    /// <summary>A file or folder of the shared material, or the test is skipped where it is missing.</summary>
    public static string Shared(params string[] parts)
    {
        var root = Environment.GetEnvironmentVariable("LORAARENA_SHARED") is { Length: > 0 } given ? given : Path.Join(Repository, "..", "shared");
        var path = Path.GetFullPath(Path.Join([root, .. parts]));
        Assert.SkipUnless(Path.Exists(path), $"{path} is not here: the shared material stands beside the repository or where LORAARENA_SHARED says.");
        return path;
    }

    /// <summary>Runs a script of this project's Fixtures with PyTorch, Transformers and PEFT, and gives what it prints; skips where they are missing.</summary>
    public static string RunPython(string script, params string[] arguments)
    {
        var start = new ProcessStartInfo(Shared("python", "python")) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Join(Repository, "tests", "LoraArena.Learning.Tests", "Fixtures", script));
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        start.Environment["OMP_NUM_THREADS"] = "2";
        using var process = Process.Start(start)!;
        var errors = new System.Text.StringBuilder();
        process.ErrorDataReceived += (_, line) => errors.AppendLine(line.Data);
        process.BeginErrorReadLine();
        using var limit = new Timer(_ => process.Kill(entireProcessTree: true), null, PythonTimeout, Timeout.InfiniteTimeSpan);
        var printed = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{script} ended with {process.ExitCode}: {errors}");
        return printed;
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

/// <summary>A folder that is gone after the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    /// <summary>The folder.</summary>
    public string Path { get; } = Directory.CreateTempSubdirectory("loraarena-learning-").FullName;

    /// <summary>A path in it.</summary>
    public string At(params string[] parts) => System.IO.Path.Join([Path, .. parts]);

    /// <summary>Writes a file into it and returns its path.</summary>
    public string Write(string name, ReadOnlySpan<byte> content)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(At(name))!);
        using var file = File.Create(At(name));
        file.Write(content);
        return At(name);
    }

    /// <summary>Writes a text as UTF-8 and returns its path.</summary>
    public string Write(string name, string content) => Write(name, System.Text.Encoding.UTF8.GetBytes(content));

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
