using System.Globalization;
using TorchSharp;

namespace LoraArena.Benchmarks;

/// <summary>Many steps of a small training: what grows with them leaks.</summary>
internal static class SoakBenchmark
{
    private const int Reports = 10;

    // Allocators settle within the first reports; after that a page here and there is no growth.
    private const int Settled = 3;
    private const long Slack = 4 << 20;

    /// <summary>Runs it, prints what is in use now and then, and says whether it grew.</summary>
    /// <returns>The process's exit code.</returns>
    public static int Run(Workload workload, Settings settings, int steps)
    {
        var (model, trainer) = workload.Open(settings);
        using var _ = model;
        using var __ = trainer;
        var seen = new List<Use>();
        for (var step = 1; step <= steps; step++)
        {
            trainer.Step();
            if (step % Math.Max(1, steps / Reports) != 0) continue;
            trainer.TakeReports();
            var use = Use.Now();
            seen.Add(use);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"  step {step,6}  resident {Measure.MiB(use.Resident)}, managed {Measure.MiB(use.Managed)}, tensors {use.Tensors}"));
        }

        var later = seen.Skip(Settled).ToList();
        if (later.Count < 2) return 0;
        var (first, last) = (later[0], later[^1]);
        var grows = last.Resident - first.Resident > Slack || last.Managed - first.Managed > Slack || last.Tensors > first.Tensors;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"  {(grows ? "it grows" : "no growth")}: resident {Measure.MiB(last.Resident - first.Resident)}, managed {Measure.MiB(last.Managed - first.Managed)}, tensors {last.Tensors - first.Tensors} between the reports {Settled + 1} and {seen.Count}"));
        return grows ? 1 : 0;
    }

    private sealed record Use(long Resident, long Managed, long Tensors)
    {
        public static Use Now()
        {
            var resident = Measure.StartPeak();
            return new Use(resident, GC.GetTotalMemory(forceFullCollection: true), torch.Tensor.TotalCount);
        }
    }
}
