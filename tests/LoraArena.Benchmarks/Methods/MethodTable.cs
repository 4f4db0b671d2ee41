using System.Globalization;
using System.Text;
using LoraArena.Core.Battles;
using LoraArena.Core.Files;
using LoraArena.Core.Metrics;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Packing;
using LoraArena.Learning.Training;
using LoraArena.Learning.Variants;

namespace LoraArena.Benchmarks.Methods;

/// <summary>Every method at its defaults on the same rows, with several seeds; LoRA with other seeds is the null line: what chance alone makes.</summary>
internal static class MethodTable
{
    /// <summary>Name of the command that trains once.</summary>
    public const string CommandName = "table-line";

    private const string Begin = "<!-- table -->";
    private const string End = "<!-- end of table -->";

    /// <summary>Trains what is not in the file yet, seed by seed, and writes the table.</summary>
    public static void Run(string[]? only, string file, int rows, int holdOut, int maxLength, int seeds, int threads, string document)
    {
        var results = new ResultLines<MethodResult>(file);
        var methods = VariantCatalog.All.Values.Where(v => only is null || only.Contains(v.Info.Id)).ToList();
        var jobs = Enumerable.Range(0, seeds).SelectMany(seed => methods.Select(method => (method.Info.Id, Seed: seed)))
            .Concat(Enumerable.Range(seeds, seeds).Select(seed => (Id: "lora", Seed: seed)));
        foreach (var (id, seed) in jobs.Where(job => Known().All(r => (r.Id, r.Seed) != (job.Id, job.Seed))))
        {
            var result = OwnProcess.Run<MethodResult>([CommandName, id, .. Numbers(
                ("seed", seed), ("rows", rows), ("hold-out", holdOut), ("max-length", maxLength), ("threads", threads))]);
            results.Add(result);
            Console.WriteLine(result);
            Write(document, Known(), rows, holdOut, maxLength, seeds);
        }

        Write(document, Known(), rows, holdOut, maxLength, seeds);

        List<MethodResult> Known() => [.. results.Read().Where(r => (r.Rows, r.HoldOut, r.MaxLength) == (rows, holdOut, maxLength))];
    }

    /// <summary>Trains one method once, in this process, in which no other training may have been.</summary>
    public static MethodResult Train(string id, int seed, int rows, int holdOut, int maxLength)
    {
        var data = PreferenceRows.Read(rows, holdOut, maxLength);
        var (train, validation) = (data.Train(rows), data.HeldOut(holdOut));
        var variant = VariantCatalog.Get(id);
        try
        {
            using var model = data.Load(seed);
            var loaded = Measure.StartPeak();
            model.Attach(variant, variant.ReadOptions([]), seed);
            var defaults = new TrainingOptions();
            var options = defaults with
            {
                Seed = seed,
                MaxLength = data.Packer.MaxLength,
                NumTrainEpochs = 1,
                LearningRate = defaults.LearningRate * variant.Info.LearningRateFactor,
            };
            using var trainer = new Trainer(model, data.Packer, train, options);
            var time = Measure.Time(() =>
            {
                while (trainer.StepsDone < trainer.Steps) trainer.Step();
            });
            var peak = Measure.Peak() - loaded;
            var losses = trainer.TakeReports().Select(r => r.Loss).ToList();
            var scores = Scores.Of(new Predictor(model, data.Packer, swapAverage: true, MicroBatchSize.Of(options, model.Device)).Predict(validation));
            return new MethodResult(
                id, seed, rows, holdOut, maxLength, trainer.TrainableParameters, double.IsFinite(scores.LogLoss) ? scores.LogLoss : 0,
                losses.All(double.IsFinite) ? null : "the loss was not finite", time.CpuSeconds, peak);
        }
        catch (OptionException error)
        {
            return new MethodResult(id, seed, rows, holdOut, maxLength, 0, 0, error.Message, 0, 0);
        }
    }

    private static IEnumerable<string> Numbers(params IEnumerable<(string Name, int Value)> options)
        => options.SelectMany(o => (string[])[$"--{o.Name}", o.Value.ToString(CultureInfo.InvariantCulture)]);

    private static void Write(string document, IReadOnlyList<MethodResult> results, int rows, int holdOut, int maxLength, int seeds)
    {
        var text = new StringBuilder();
        text.AppendLine(Begin).AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture, $"MiniLM (22 million parameters), {rows:N0} rows of at most {maxLength} tokens, one epoch at the defaults, log loss on {holdOut:N0} held-out rows: mean and range over {seeds} seeds. The null line is LoRA with {seeds} other seeds: a difference as small as between the two lines of LoRA is chance.");
        text.AppendLine()
            .AppendLine("| method | log loss | from … to | processor seconds | MiB above the model | trained parameters |")
            .AppendLine("|---|---|---|---|---|---|");
        Line(text, "LoRA, other seeds", [.. results.Where(r => r.Id == "lora" && r.Seed >= seeds)]);
        foreach (var (_, variants) in VariantGroups.Grouped(VariantCatalog.Describe()))
        {
            foreach (var variant in variants) Line(text, variant.Name, [.. results.Where(r => r.Id == variant.Id && r.Seed < seeds)]);
        }

        text.AppendLine().Append(End);
        var all = File.ReadAllText(document);
        var (from, to) = (all.IndexOf(Begin, StringComparison.Ordinal), all.IndexOf(End, StringComparison.Ordinal));
        if (from < 0 || to < from) throw new InvalidDataException($"{document} has no place for the table: '{Begin}' and '{End}'.");
        AtomicFile.WriteText(document, all[..from] + text.ToString().ReplaceLineEndings("\n") + all[(to + End.Length)..]);
    }

    private static void Line(StringBuilder text, string name, IReadOnlyList<MethodResult> results)
    {
        if (results.Count == 0) return;
        if (results.FirstOrDefault(r => r.Refusal is not null)?.Refusal is { } refusal)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"| {name} | {refusal} | | | | |");
            return;
        }

        text.AppendLine(CultureInfo.InvariantCulture,
            $"| {name} | {results.Average(r => r.LogLoss):0.0000} | {results.Min(r => r.LogLoss):0.0000} … {results.Max(r => r.LogLoss):0.0000} | {results.Average(r => r.Seconds):0} | {results.Min(r => r.PeakBytes) / (1 << 20)} | {results[0].Parameters:N0} |");
    }
}

/// <summary>One training.</summary>
/// <param name="Id">The method.</param>
/// <param name="Seed">Its seed.</param>
/// <param name="Rows">Rows it trained on.</param>
/// <param name="HoldOut">Rows it was scored on.</param>
/// <param name="MaxLength">Tokens of a battle at most.</param>
/// <param name="Parameters">Trained parameters, the head among them.</param>
/// <param name="LogLoss">On the held-out rows.</param>
/// <param name="Refusal">Why there is none; null where all went well.</param>
/// <param name="Seconds">Processor seconds of the training.</param>
/// <param name="PeakBytes">Most memory that training took above the loaded model.</param>
internal sealed record MethodResult(
    string Id, int Seed, int Rows, int HoldOut, int MaxLength, long Parameters, double LogLoss, string? Refusal, double Seconds, long PeakBytes);
