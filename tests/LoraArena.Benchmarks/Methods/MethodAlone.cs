using System.Globalization;
using System.Text.Json.Nodes;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Training;
using LoraArena.Learning.Variants;

namespace LoraArena.Benchmarks.Methods;

/// <summary>What one method takes with nothing else in its process.</summary>
/// <param name="StartSeconds">Processor seconds of its start.</param>
/// <param name="PeakBytes">Peak above the loaded model, in bytes.</param>
/// <param name="FileBytes">Size of its adapter file, in bytes.</param>
/// <param name="Parameters">Trainable parameters, the head among them.</param>
internal sealed record MethodAlone(double StartSeconds, long PeakBytes, long FileBytes, long Parameters)
{
    /// <summary>Name of the command that measures it.</summary>
    public const string CommandName = "method-alone";

    private const int Steps = 3;

    /// <summary>
    /// Measures it in a process of its own: the one whose peak is the lower of two, since what the allocator keeps differs from time to
    /// time.
    /// </summary>
    /// <exception cref="InvalidOperationException">The process failed.</exception>
    public static MethodAlone InItsOwnProcess(LoraVariant variant, JsonObject options, int threads)
    {
        var (first, second) = (Once(variant, options, threads), Once(variant, options, threads));
        return first.PeakBytes <= second.PeakBytes ? first : second;
    }

    /// <summary>Measures it in this process, in which no other training may have been.</summary>
    public static MethodAlone Measure(string id, string options)
    {
        var variant = VariantCatalog.Get(id);
        var data = PreferenceRows.Read(16 * Steps, 0);
        using var model = data.Load(0);
        var before = Benchmarks.Measure.StartPeak();
        model.Attach(variant, variant.ReadOptions(JsonNode.Parse(options)!.AsObject()), 0);
        using var trainer = new Trainer(model, data.Packer, data.Train(16 * Steps), MethodCosts.Training(data));
        var start = Benchmarks.Measure.Time(trainer.Start).CpuSeconds;
        for (var step = 0; step < Steps; step++) trainer.Step();
        var peak = Benchmarks.Measure.Peak() - before;
        var folder = Directory.CreateTempSubdirectory("loraarena-method-").FullName;
        try
        {
            PeftFolder.Write(folder, model, "base");
            return new MethodAlone(start, peak, new FileInfo(Path.Join(folder, "adapter_model.safetensors")).Length, trainer.TrainableParameters);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static MethodAlone Once(LoraVariant variant, JsonObject options, int threads) => OwnProcess.Run<MethodAlone>(
        CommandName, variant.Info.Id, options.ToJsonString(), "--threads", threads.ToString(CultureInfo.InvariantCulture));
}
