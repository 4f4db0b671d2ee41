using System.Globalization;
using LoraArena.Learning.Training;

namespace LoraArena.Benchmarks;

/// <summary>What a training takes above the loaded model, beside what was forecast.</summary>
internal static class MemoryBenchmark
{
    /// <summary>Runs it and prints a line.</summary>
    public static void Run(Workload workload, Settings settings, int steps)
    {
        using var model = workload.Load(settings);
        var before = Measure.StartPeak();
        using var trainer = workload.Train(model, settings);
        for (var step = 0; step < steps; step++) trainer.Step();
        var peak = Measure.Peak() - before;
        var (variant, options) = Workload.Method(settings);
        var forecast = MemoryForecaster.Of(
            model, variant, options, variant.SitesOf(model, options), trainer.TrainableParameters, model.Precision,
            workload.LargestMicroBatch(trainer.MicroBatchTokens));
        var expected = settings.Checkpointing ? forecast?.Recomputing : forecast?.Training;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{workload.Name}: peak above the weights {Measure.MiB(peak)}, forecast {(expected is { } e ? Measure.MiB(e) : "none")}, ratio {expected / (double)peak:0.00}; weights {Measure.MiB(model.BaseBytes)}, forecast {(forecast is null ? "none" : Measure.MiB(forecast.Weights))}; {trainer.MicroBatchTokens} tokens at once"));
    }
}
