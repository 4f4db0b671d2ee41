using System.Globalization;
using TorchSharp;

namespace LoraArena.Benchmarks;

/// <summary>Steps of a training, ours and PEFT's by turns on the same rows.</summary>
internal static class StepBenchmark
{
    private const int Warmups = 2;

    /// <summary>Runs it and prints a table.</summary>
    public static void Run(Workload workload, Settings ours, Settings? theirs, int steps)
    {
        var all = steps + Warmups;
        using var peer = theirs is null ? null : Peer.Start(workload.Job(theirs, all));
        var (model, trainer) = workload.Open(ours);
        using var _ = model;
        using var __ = trainer;
        var (mine, other) = (new List<Measured>(), new List<Measured>());
        var tokens = 0L;
        var before = Measure.StartPeak();
        peer?.Base();
        for (var step = 0; step < Warmups; step++)
        {
            trainer.Step();
            peer?.Step(step);
        }

        var (allocated, made) = (GC.GetTotalAllocatedBytes(), torch.Tensor.TotalCount);
        for (var step = Warmups; step < all; step++)
        {
            var counted = trainer.Tokens;
            mine.Add(Measure.Time(() =>
            {
                trainer.Step();
                trainer.TakeReports();
            }));
            tokens += trainer.Tokens - counted;
            if (peer is not null) other.Add(peer.Step(step));
        }

        var peak = Measure.Peak() - before;
        Console.WriteLine(workload.Name);
        Line("LoraArena", mine, tokens, peak);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"  managed bytes a step {(GC.GetTotalAllocatedBytes() - allocated) / steps:N0}, tensors left {torch.Tensor.TotalCount - made}"));
        if (peer is null) return;
        var theirPeak = peer.PeakAboveBase();
        Line("PEFT", other, tokens, theirPeak);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"  times as fast: {other.Sum(m => m.Seconds) / mine.Sum(m => m.Seconds):0.00} by the clock, {other.Sum(m => m.CpuSeconds) / mine.Sum(m => m.CpuSeconds):0.00} in processor time, median of pairs {Measure.Median(other.Zip(mine, (o, m) => o.CpuSeconds / m.CpuSeconds)):0.00}; memory {(double)peak / theirPeak:0.00} of its"));
    }

    private static void Line(string name, List<Measured> steps, long tokens, long peak) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"  {name,-10} step median {Measure.Median(steps.Select(s => s.Seconds)):0.000} s ({Measure.Median(steps.Select(s => s.CpuSeconds)):0.000} s of processors), {tokens / steps.Sum(s => s.Seconds):0} real tokens/s ({tokens / steps.Sum(s => s.CpuSeconds):0} a processor second), peak above the weights {Measure.MiB(peak)}"));
}
