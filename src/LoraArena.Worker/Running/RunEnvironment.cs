using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using LoraArena.Core.Runs;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;

namespace LoraArena.Worker.Running;

/// <summary>What this process is and runs on.</summary>
internal static class RunEnvironment
{
    /// <summary>LoraArena's version.</summary>
    public static string Version { get; } =
        typeof(RunEnvironment).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    /// <summary>Everything that may explain a difference between two runs.</summary>
    public static RunManifest Manifest(RunFolder run, int attempt, ComputeDevice device, int threads, BasePrecision precision) => new(
        attempt,
        RunSpec.Fingerprint(run.Spec),
        Version,
        TorchRuntime.Load(),
        $"{device.Id}: {device.Name}",
        threads,
        Environment.MachineName,
        RuntimeInformation.FrameworkDescription,
        $"TorchSharp {TorchRuntime.TorchSharpVersion}, libtorch {TorchRuntime.LibTorchVersion}")
    {
        Precision = precision.ComputeType == TorchSharp.torch.ScalarType.Float32 ? $"{precision.Name}, fp32 products by {device.Products}" : precision.Name,
        Allocator = HostMemory.Allocator,
    };

    /// <summary>
    /// When this process started, as its operating system counts it: clock ticks since boot on Linux, which no change of the clock moves;
    /// elsewhere the time. With the process id it names a process for ever.
    /// </summary>
    public static long ProcessStarted() => ProcessIdentity.Started(Environment.ProcessId) ?? 0;

    /// <summary>Seconds since this process started.</summary>
    public static double SecondsOfProcess(TimeProvider time)
    {
        using var process = Process.GetCurrentProcess();
        return (time.GetUtcNow().UtcDateTime - process.StartTime.ToUniversalTime()).TotalSeconds;
    }
}
