using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Training;
using LoraArena.Learning.Variants;
using LoraArena.Worker.Running;

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
        var training = new Option<string>("--training")
        {
            Description = "The options of the training as a JSON object, for the forecast of memory.",
            DefaultValueFactory = _ => "{}",
        };
        var command = new Command(
            "size",
            "Prints the trainable parameters of a variant on a model, and the setting that meets a budget.") { model, variant, options, parameters, training };
        command.SetAction(parse =>
        {
            var budget = parse.GetValue(parameters);
            var planned = Read(parse.GetRequiredValue(training), "--training").Deserialize<TrainingOptions>(ArenaJson.Line)!;
            var device = ComputeDevice.Pick(planned.Device);
            using var shapes = ModelInspector.Shapes(Path.GetFullPath(parse.GetRequiredValue(model)));
            if (parse.GetValue(variant) is { } id)
            {
                WorkerCommand.Print(Size(VariantCatalog.Get(id), Read(parse.GetRequiredValue(options), "--options"), shapes, budget, planned, device));
            }
            else WorkerCommand.Print(All(shapes, budget, planned, device));
            return WorkerCommand.Done;
        });
        return command;
    }

    private static VariantSizes All(PreferenceModel shapes, long? budget, TrainingOptions training, ComputeDevice device)
    {
        var (sizes, refusals) = (new List<VariantSize>(), new List<string>());
        foreach (var method in VariantCatalog.All.Values)
        {
            try
            {
                sizes.Add(Size(method, [], shapes, budget, training, device));
            }
            catch (OptionException error)
            {
                refusals.Add($"{method.Info.Id}: {error.Message}");
            }
        }

        return new VariantSizes(sizes, refusals);
    }

    private static VariantSize Size(
        LoraVariant method, JsonObject options, PreferenceModel shapes, long? budget, TrainingOptions training, ComputeDevice device)
    {
        var size = budget is { } wanted ? RankSolver.Solve(method, options, shapes, wanted) : RankSolver.Count(method, options, shapes);
        var read = method.ReadOptions(size.Options);
        var head = shapes.HeadWeights.Sum(weight => weight.Count);
        return size with { Memory = MemoryForecaster.Of(shapes, method, read, method.SitesOf(shapes, read), size.Parameters + head, training, device) };
    }

    private static JsonObject Read(string options, string name)
    {
        try
        {
            return JsonNode.Parse(options) as JsonObject ?? throw new OptionException($"{name} is not a JSON object.");
        }
        catch (JsonException error)
        {
            throw new OptionException($"{name} is not JSON: {error.Message}");
        }
    }
}
