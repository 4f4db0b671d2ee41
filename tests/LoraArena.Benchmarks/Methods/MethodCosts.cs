using System.Globalization;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Options;
using LoraArena.Learning.Packing;
using LoraArena.Learning.Training;
using LoraArena.Learning.Variants;
using TorchSharp;

namespace LoraArena.Benchmarks.Methods;

/// <summary>
/// Each method's step, memory, start and file as ratios to LoRA's at equal trainable parameters: both train by turns on the same rows in
/// one process.
/// </summary>
internal static class MethodCosts
{
    private const int Rank = 16;
    private const int Warmups = 2;
    private static readonly string[] WithDropout = ["lora", "dora"];

    /// <summary>Measures what is not in the file yet and prints the table.</summary>
    public static void Run(string[]? only, string file, int steps, int threads, bool withPeer)
    {
        var results = new ResultLines<MethodCost>(file);
        var data = PreferenceRows.Read(16 * (steps + 40), 0);
        var rows = data.Train(16 * (steps + 40));
        long budget;
        using (var model = data.Load(0)) budget = RankSolver.Count(VariantCatalog.Get("lora"), new JsonObject { ["r"] = Rank }, model).Parameters;
        MethodAlone? lora = null;
        foreach (var (name, variant, dropout) in Cases(only).Where(c => results.Read().All(r => r.Name != c.Name)))
        {
            try
            {
                var options = Options(data, variant, budget, dropout);
                lora ??= MethodAlone.InItsOwnProcess(VariantCatalog.Get("lora"), Plain(), threads);
                var cost = Measure(data, rows, lora, name, variant, options, steps, threads);
                if (withPeer && variant.Info.PeftType is not null && !variant.Info.MovesBase)
                {
                    cost = cost with { PeftStep = MethodPeer.Ratio(data, rows, variant, options, steps, threads) };
                }

                results.Add(cost);
                Console.WriteLine(cost);
            }
            catch (OptionException error)
            {
                Console.WriteLine($"{name}: {error.Message}");
            }
        }

        Print(results.Read());
    }

    /// <summary>A model with a method, ready to train.</summary>
    internal static (PreferenceModel Model, Trainer Trainer) Open(
        PreferenceRows data, IReadOnlyList<TokenizedBattle> rows, LoraVariant variant, JsonObject options)
    {
        var model = data.Load(0);
        model.Attach(variant, variant.ReadOptions(options.DeepClone().AsObject()), 0);
        return (model, new Trainer(model, data.Packer, rows, Training(data)));
    }

    /// <summary>How every method trains here.</summary>
    internal static TrainingOptions Training(PreferenceRows data)
        => new() { BatchSize = 16, MaxLength = data.Packer.MaxLength, NumTrainEpochs = 1, AttentionDropout = 0, HiddenDropout = 0 };

    private static IEnumerable<(string Name, LoraVariant Variant, double Dropout)> Cases(string[]? only)
    {
        foreach (var variant in VariantCatalog.All.Values.Where(v => only is null || only.Contains(v.Info.Id))
            .OrderBy(v => v.Info.Group)
            .ThenBy(v => v.Info.Id, StringComparer.Ordinal))
        {
            yield return (variant.Info.Id, variant, 0);
            if (WithDropout.Contains(variant.Info.Id)) yield return (variant.Info.Id + ", dropout 0.05", variant, 0.05);
        }
    }

    private static JsonObject Options(PreferenceRows data, LoraVariant variant, long budget, double dropout)
    {
        var names = OptionSchema.Of(variant.OptionsType).Select(o => o.Name).ToHashSet(StringComparer.Ordinal);
        var options = new JsonObject();
        if (names.Contains("lora_dropout")) options["lora_dropout"] = dropout;
        if (variant.Info.SizeOption is null) return options;
        using var model = data.Load(0);
        var solved = RankSolver.Solve(variant, options, model, budget).Options;
        if (variant.Info.SizeOption != "r") return solved;

        // VeRA would need matrices many times as wide as the model's own. Nobody trains it so: it is measured at its default.
        var widest = variant.SitesOf(model, variant.ReadOptions(solved.DeepClone().AsObject())).Max(site => Math.Max(site.InFeatures, site.OutFeatures));
        return (int)solved["r"]! > widest ? options : solved;
    }

    private static MethodCost Measure(
        PreferenceRows data, IReadOnlyList<TokenizedBattle> rows, MethodAlone lora, string name, LoraVariant variant, JsonObject options,
        int steps, int threads)
    {
        var alone = MethodAlone.InItsOwnProcess(variant, options, threads);
        var (loraModel, loraTrainer) = Open(data, rows, VariantCatalog.Get("lora"), Plain());
        var (model, trainer) = Open(data, rows, variant, options);
        using var _1 = loraModel;
        using var _2 = loraTrainer;
        using var _3 = model;
        using var _4 = trainer;
        var ratios = new List<double>();
        for (var step = 0; step < Warmups + steps; step++)
        {
            // By turns, and each first every other time: what else the machine does meets both.
            var (first, second) = step % 2 == 0 ? (loraTrainer, trainer) : (trainer, loraTrainer);
            var (one, other) = (Benchmarks.Measure.Time(first.Step), Benchmarks.Measure.Time(second.Step));
            if (step >= Warmups) ratios.Add(step % 2 == 0 ? other.CpuSeconds / one.CpuSeconds : one.CpuSeconds / other.CpuSeconds);
        }

        return new MethodCost(
            name, variant.Info.Group, alone.Parameters, Benchmarks.Measure.Median(ratios), (double)alone.PeakBytes / lora.PeakBytes,
            alone.StartSeconds - lora.StartSeconds, (double)alone.FileBytes / lora.FileBytes, PeftStep: null);
    }

    private static JsonObject Plain() => new() { ["r"] = Rank, ["lora_dropout"] = 0.0 };

    private static void Print(IReadOnlyList<MethodCost> costs)
    {
        Console.WriteLine("| method | trained | step | PEFT's step | memory above the base | start, s more | file |\n|---|---|---|---|---|---|---|");
        foreach (var cost in costs.OrderBy(c => c.Group))
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {cost.Name} | {cost.Parameters:N0} | {cost.Step:0.00} | {(cost.PeftStep is { } peft ? peft.ToString("0.00", CultureInfo.InvariantCulture) : "")} | {cost.Memory:0.00} | {cost.StartSeconds:0.0} | {cost.File:0.00} |"));
        }
    }
}

/// <summary>One method beside LoRA.</summary>
/// <param name="Name">The method, and its dropout where it has one.</param>
/// <param name="Group">Where lists put it.</param>
/// <param name="Parameters">Trained parameters, the head among them.</param>
/// <param name="Step">Processor time of a step over LoRA's, median of pairs.</param>
/// <param name="Memory">Peak above the base over LoRA's.</param>
/// <param name="StartSeconds">Processor seconds that starting takes more than LoRA's.</param>
/// <param name="File">Adapter file over LoRA's.</param>
/// <param name="PeftStep">The same ratio within PEFT; null where PEFT has no such layer.</param>
internal sealed record MethodCost(
    string Name, VariantGroup Group, long Parameters, double Step, double Memory, double StartSeconds, double File, double? PeftStep);
