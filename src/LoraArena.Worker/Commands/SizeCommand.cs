using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Training;
using LoraArena.Learning.Variants;
using LoraArena.Worker.Running;
using static TorchSharp.torch;

namespace LoraArena.Worker.Commands;

/// <summary><c>size</c>: the trainable parameters of a variant on a base model, and the setting that meets a budget.</summary>
internal static class SizeCommand
{
    public static Command Create()
    {
        var model = new Option<string>("--model") { Description = "A model folder.", Required = true };
        var variant = new Option<string?>("--variant") { Description = "The variant; all of them where none is named." };
        var options = new Option<string>("--options") { Description = "Its options as a JSON object.", DefaultValueFactory = _ => "{}" };
        var parameters = new Option<long?>("--parameters") { Description = "A budget of trainable parameters to meet." };
        var precision = new Option<string>("--precision") { Description = "How the base weights will be kept, for the forecast of memory.", DefaultValueFactory = _ => Precisions.Auto };
        var tokens = new Option<int?>("--tokens") { Description = "Padded tokens at once, for the forecast of memory; left out, what suits a CPU." };
        precision.AcceptOnlyFromAmong(Precisions.Auto, "fp32", "bf16", "fp16", Precisions.Int8, Precisions.Nf4);
        var command = new Command("size", "Prints the trainable parameters of a variant on a model, and the setting that meets a budget.") { model, variant, options, parameters, precision, tokens };
        command.SetAction(parse =>
        {
            var budget = parse.GetValue(parameters);
            var kept = BasePrecision.Of(parse.GetRequiredValue(precision), ScalarType.Float32);
            var atOnce = parse.GetValue(tokens) ?? new TrainingOptions().MicroBatchTokens(onGpu: false);
            using var shapes = ModelInspector.Shapes(Path.GetFullPath(parse.GetRequiredValue(model)));
            if (parse.GetValue(variant) is { } id) WorkerCommand.Print(Size(VariantCatalog.Get(id), Read(parse.GetRequiredValue(options)), shapes, budget, kept, atOnce));
            else WorkerCommand.Print(All(shapes, budget, kept, atOnce));
            return WorkerCommand.Done;
        });
        return command;
    }

    private static VariantSizes All(PreferenceModel shapes, long? budget, BasePrecision precision, int tokens)
    {
        var (sizes, refusals) = (new List<VariantSize>(), new List<string>());
        foreach (var method in VariantCatalog.All.Values)
        {
            try
            {
                sizes.Add(Size(method, [], shapes, budget, precision, tokens));
            }
            catch (OptionException error)
            {
                refusals.Add($"{method.Info.Id}: {error.Message}");
            }
        }

        return new VariantSizes(sizes, refusals);
    }

    private static VariantSize Size(LoraVariant method, JsonObject options, PreferenceModel shapes, long? budget, BasePrecision precision, int tokens)
    {
        var size = budget is { } wanted ? RankSolver.Solve(method, options, shapes, wanted) : RankSolver.Count(method, options, shapes);
        var read = method.ReadOptions(size.Options);
        var head = shapes.HeadWeights.Sum(weight => weight.Count);
        return size with { Memory = MemoryForecaster.Of(shapes, method, read, method.SitesOf(shapes, read), size.Parameters + head, precision, tokens) };
    }

    private static JsonObject Read(string options)
    {
        try
        {
            return JsonNode.Parse(options) as JsonObject ?? throw new OptionException("--options is not a JSON object.");
        }
        catch (JsonException error)
        {
            throw new OptionException($"--options is not JSON: {error.Message}");
        }
    }
}
