using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LoraArena.Benchmarks;

/// <summary>PEFT on Transformers in a process of its own, which does one step at a time when it is told.</summary>
internal sealed class Peer : IDisposable
{
    private readonly Process _process;
    private readonly string _job;

    private Peer(Process process, string job) => (_process, _job) = (process, job);

    /// <summary>
    /// The program that runs Python with PyTorch, Transformers and PEFT: <c>LORAARENA_SHARED</c>/python/python, else
    /// ../shared/python/python.
    /// </summary>
    public static string? Python
    {
        get
        {
            var shared = Environment.GetEnvironmentVariable("LORAARENA_SHARED");
            return new[] { shared, Path.Join(Places.Root, "..", "shared") }.Where(folder => !string.IsNullOrEmpty(folder))
                .Select(folder => Path.Join(folder, "python", "python"))
                .FirstOrDefault(File.Exists);
        }
    }

    /// <summary>Starts it on a job.</summary>
    public static Peer Start(JsonObject job)
    {
        var python = Python ?? throw new InvalidOperationException("There is no Python with PEFT: set LORAARENA_SHARED to the folder that has python/python, or leave the comparison out with --alone.");
        var file = Path.GetTempFileName();
        using (var stream = File.Create(file)) JsonSerializer.Serialize(stream, job);
        var start = new ProcessStartInfo(python) { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.ArgumentList.Add(Path.Join(AppContext.BaseDirectory, "Peer", "peer.py"));
        start.ArgumentList.Add(file);
        start.Environment["OMP_NUM_THREADS"] = job["threads"]!.ToString();
        var peer = new Peer(Process.Start(start)!, file);
        peer.Read();
        return peer;
    }

    /// <summary>Trains on one batch.</summary>
    public Measured Step(int batch)
    {
        var answer = Ask($"step {batch}");
        return new Measured((double)answer["seconds"]!, (double)answer["cpu"]!, (double)answer["loss"]!);
    }

    /// <summary>Counts memory from here on.</summary>
    public void Base() => Ask("base");

    /// <summary>Most memory above the base since <see cref="Base"/>, in bytes.</summary>
    public long PeakAboveBase() => (long)Ask("memory")["peak"]!;

    /// <inheritdoc/>
    public void Dispose()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(10_000)) _process.Kill();
        _process.Dispose();
        File.Delete(_job);
    }

    private JsonObject Ask(string order)
    {
        _process.StandardInput.WriteLine(order);
        _process.StandardInput.Flush();
        return Read();
    }

    private JsonObject Read()
    {
        while (_process.StandardOutput.ReadLine() is { } line)
        {
            if (line.StartsWith('{')) return JsonNode.Parse(line)!.AsObject();
        }

        throw new InvalidOperationException("The peer ended; what it said is above.");
    }
}

/// <summary>One step, measured.</summary>
/// <param name="Seconds">By the clock.</param>
/// <param name="CpuSeconds">Processor time of the process: on a busy machine the better figure.</param>
/// <param name="Loss">The loss; NaN where it was not read.</param>
internal readonly record struct Measured(double Seconds, double CpuSeconds, double Loss);
