using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Variants;
using LoraArena.Worker.Running;

namespace LoraArena.Worker.Commands;

/// <summary><c>size</c>: how many numbers a variant trains on a base model, and the setting that meets a budget.</summary>
internal static class SizeCommand
{
    public static Command Create()
    {
        var model = new Option<string>("--model") { Description = "A model folder.", Required = true };
        var variant = new Option<string?>("--variant") { Description = "The variant; all of them where none is named." };
        var options = new Option<string>("--options") { Description = "Its options as a JSON object.", DefaultValueFactory = _ => "{}" };
        var parameters = new Option<long?>("--parameters") { Description = "A budget of trainable numbers to meet." };
        var command = new Command("size", "Prints how many numbers a variant trains on a model, and the setting that meets a budget.") { model, variant, options, parameters };
        command.SetAction(parse =>
        {
            var budget = parse.GetValue(parameters);
            using var shapes = ModelInspector.Shapes(Path.GetFullPath(parse.GetRequiredValue(model)));
            if (parse.GetValue(variant) is { } id) WorkerCommand.Print(Size(VariantCatalog.Get(id), Read(parse.GetRequiredValue(options)), shapes, budget));
            else WorkerCommand.Print(All(shapes, budget));
            return WorkerCommand.Done;
        });
        return command;
    }

    private static VariantSizes All(PreferenceModel shapes, long? budget)
    {
        var (sizes, refusals) = (new List<VariantSize>(), new List<string>());
        foreach (var method in VariantCatalog.All.Values)
        {
            try
            {
                sizes.Add(Size(method, [], shapes, budget));
            }
            catch (OptionException error)
            {
                refusals.Add($"{method.Info.Id}: {error.Message}");
            }
        }

        return new VariantSizes(sizes, refusals);
    }

    private static VariantSize Size(LoraVariant method, JsonObject options, PreferenceModel shapes, long? budget)
        => budget is { } wanted ? RankSolver.Solve(method, options, shapes, wanted) : RankSolver.Count(method, options, shapes);

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
