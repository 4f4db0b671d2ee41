using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using LoraArena.Cli.Printing;
using LoraArena.Cli.Running;
using LoraArena.Core.Models;
using LoraArena.Core.Runs;
using LoraArena.Runs.Launching;

namespace LoraArena.Cli.Commands;

/// <summary><c>size</c>: how many parameters a variant trains on a base model, and the setting that meets a budget.</summary>
internal static class SizeCommand
{
    public static Command Create()
    {
        var model = new Option<string>("--model") { Description = "The base model.", HelpName = "M", Required = true };
        var variant = new Option<string?>("--variant") { Description = "The fine-tuning method; all of them where none is named.", HelpName = "ID" };
        var set = OptionPairs.Set();
        var parameters = CommandOptions.Number<long>(
            "--parameters", "N", "Trainable parameters to meet, the head not counted: the setting of each method that comes closest.",
            min: 1);
        var like = new Option<string?>("--like") { Description = "Meet what another method trains, such as lora:r=16 or adalora:init_r=12,target_r=8; 'lora' alone takes its defaults.", HelpName = "ID[:key=value,...]" };
        var command = new Command(
            "size",
            "Counts what variants train on a model, and finds the settings that make them equal.") { model, variant, set, parameters, like };
        command.AllowOneOf(parameters, like);
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var card = await arena.ModelAsync(parse.GetRequiredValue(model), cancel);
            var budget = parse.GetValue(like) is { } reference ? await LikeAsync(arena, card, reference, cancel) : parse.GetValue(parameters);
            if (parse.GetValue(variant) is { } id)
            {
                var (method, worker) = await arena.VariantAsync(id, cancel);
                var given = OptionPairs.Read(parse.GetValue(set) ?? [], [], method, worker);
                var size = await WorkerCatalog.SizeAsync(card.Path, new VariantChoice(id, given.Variant), budget, cancel, given.Apply(new TrainingOptions()));
                Output.Of(parse).Answer(size, text => Print(text, [size]));
                return Exit.Done;
            }

            if (parse.GetValue(set) is { Length: > 0 }) throw new OptionException("-s belongs to one variant; name it with --variant.");
            var all = await WorkerCatalog.SizesAsync(card.Path, budget, cancel);
            Output.Of(parse).Answer(all, text =>
            {
                Print(text, all.Sizes);
                foreach (var refusal in all.Refusals) text.WriteLine(refusal);
            });
            return Exit.Done;
        });
        return command;
    }

    private static async Task<long> LikeAsync(ArenaServices arena, ModelCard card, string reference, CancellationToken cancel)
    {
        var parts = reference.Split(':', 2);
        var (method, worker) = await arena.VariantAsync(parts[0], cancel);
        var pairs = parts.Length == 1 ? [] : parts[1].Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (pairs.FirstOrDefault(pair => pair.IndexOf('=', StringComparison.Ordinal) < 1) is { } bad)
        {
            throw new OptionException($"--like takes ID:key=value,key=value; '{bad}' is no key=value.");
        }

        var given = OptionPairs.Read(pairs, [], method, worker);
        if (given.Training.Count > 0) throw new OptionException($"--like counts parameters, and '{given.Training.First().Key}' of the training changes none.");
        return (await WorkerCatalog.SizeAsync(card.Path, new VariantChoice(parts[0], given.Variant), budget: null, cancel)).Parameters;
    }

    private static void Print(TextWriter text, IReadOnlyList<VariantSize> sizes)
    {
        var table = new TextTable().Text("variant").Figures("parameters").Figures("layers").Figures("training needs").Figures("recomputing").Text("options");
        foreach (var size in sizes)
        {
            table.Add(
                size.Variant, size.Parameters.ToString("N0", CultureInfo.InvariantCulture),
                size.Sites.ToString(CultureInfo.InvariantCulture), Needs(size.Memory?.Bytes), Needs(size.Memory?.BytesRecomputing),
                Written(size.Options));
        }

        table.Write(text);
    }

    private static string Needs(long? bytes) => bytes is { } known ? "~" + Show.Bytes(known) : "–";

    // As -s takes them.
    private static string Written(JsonObject options) => string.Join(' ', options.Select(p => $"-s '{p.Key}={p.Value}'"));
}
