using System.Text.Json.Serialization;
using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Metrics;

namespace LoraArena.Core.Runs;

/// <summary>How a run ended. Written last, atomically.</summary>
/// <param name="State"><see cref="RunState.Succeeded"/>, <see cref="RunState.Failed"/> or <see cref="RunState.Stopped"/>.</param>
/// <param name="Attempt">The attempt that ended.</param>
/// <param name="Ended">When the attempt ended, UTC.</param>
/// <param name="Reason">Why it failed or stopped, or what is wrong with it although it succeeded, and what to do; null where there is nothing to say.</param>
/// <param name="Step">Optimiser steps done.</param>
/// <param name="Scores">Metrics on the validation rows; null where it did not succeed.</param>
/// <param name="Cost">What it took, all attempts together.</param>
public sealed record RunResult(RunState State, int Attempt, DateTimeOffset Ended, string? Reason, long Step, Scores? Scores, RunCost? Cost)
{
    /// <summary>What is special about the end, for lists and the board; null where nothing is.</summary>
    public RunMark? Flag { get; init; }

    /// <summary>Writes result.json.</summary>
    public void Write(RunFolder folder) => AtomicFile.WriteJson(folder.Result, this);
}

/// <summary>What is special about how a run ended. The reason says it in words.</summary>
public enum RunMark
{
    /// <summary>It failed because loss or gradient were not finite any more.</summary>
    Diverged,

    /// <summary>It failed because there was not enough memory.</summary>
    OutOfMemory,

    /// <summary>It failed because the disk was full.</summary>
    DiskFull,

    /// <summary>It succeeded, but says the same of every row, or less than the class shares do.</summary>
    Collapsed,
}

/// <summary>What a run took.</summary>
/// <param name="Seconds">Seconds of training alone.</param>
/// <param name="Tokens">Real tokens trained on, padding not counted.</param>
/// <param name="TokensPerSecond">Real tokens a second of training.</param>
/// <param name="PeakMemoryBytes">Largest resident memory of the worker (CPU) or memory in use on the device (GPU), in bytes.</param>
/// <param name="TrainableParameters">Trainable parameters: adapter and head.</param>
public sealed record RunCost(double Seconds, long Tokens, double TokensPerSecond, long PeakMemoryBytes, long TrainableParameters)
{
    /// <summary>Seconds of loading model, rows and checkpoint.</summary>
    public double LoadingSeconds { get; init; }

    /// <summary>Seconds of predicting validation and test rows.</summary>
    public double EvaluationSeconds { get; init; }

    /// <summary>Seconds of writing checkpoints and the adapter.</summary>
    public double SavingSeconds { get; init; }

    /// <summary>What of the peak came on top of the loaded model, in bytes.</summary>
    public long PeakMemoryAboveBaseBytes { get; init; }

    /// <summary>The same; null where it was not measured: a training that takes nothing there is none.</summary>
    [JsonIgnore]
    public long? MeasuredAboveBaseBytes => PeakMemoryAboveBaseBytes > 0 ? PeakMemoryAboveBaseBytes : null;
}

/// <summary>What an attempt ran on.</summary>
/// <param name="Attempt">The attempt.</param>
/// <param name="Fingerprint">SHA-256 of spec.json.</param>
/// <param name="Version">LoraArena's version.</param>
/// <param name="Flavour">libtorch flavour and where it was loaded from.</param>
/// <param name="Device">The device, in words.</param>
/// <param name="Threads">Threads that libtorch uses.</param>
/// <param name="Host">Name of the machine.</param>
/// <param name="Runtime">.NET's version.</param>
/// <param name="Torch">TorchSharp's version of libtorch.</param>
public sealed record RunManifest(
    int Attempt, string Fingerprint, string Version, string Flavour, string Device, int Threads, string Host, string Runtime, string Torch)
{
    /// <summary>How base weights are kept, and how their products are computed: <c>fp32, products by MKL</c>.</summary>
    public string? Precision { get; init; }

    /// <summary>Who handed out memory: <c>tcmalloc</c> or <c>system</c>.</summary>
    public string? Allocator { get; init; }

    /// <summary>
    /// A sentence where spec.json is not the one that earlier attempts worked by: what they did and what is to come would be two runs under
    /// one name. Null where it is, or where no attempt came so far as to leave a manifest.
    /// </summary>
    /// <exception cref="JsonFileException">The manifest cannot be read.</exception>
    public static string? ChangedSpec(RunFolder run)
    {
        if (JsonFile.TryRead<RunManifest>(run.Manifest) is not { } before) return null;
        if (!File.Exists(run.Spec)) return $"{run.Spec} is missing.";
        return RunSpec.Fingerprint(run.Spec) == before.Fingerprint
            ? null
            : $"{run.Spec} was changed after attempt {before.Attempt}, so the run would go on as another one than it began. Put the old file back (its SHA-256 is {before.Fingerprint}), or start a new run.";
    }
}

/// <summary>What the app asks of a worker; read between steps.</summary>
/// <param name="Stop">When to stop.</param>
public sealed record RunRequest(StopWhen Stop)
{
    /// <summary>Writes request.json.</summary>
    public void Write(RunFolder folder) => AtomicFile.WriteJson(folder.Request, this);
}

/// <summary>When a worker that is asked to stop does so.</summary>
public enum StopWhen
{
    /// <summary>After the step it is at; what came after the last checkpoint is lost.</summary>
    Now,

    /// <summary>After it has written a checkpoint, so that the run can be resumed from there.</summary>
    AfterCheckpoint,
}
