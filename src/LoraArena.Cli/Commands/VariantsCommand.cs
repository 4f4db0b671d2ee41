using System.CommandLine;
using System.Globalization;
using LoraArena.Cli.Printing;
using LoraArena.Core.Runs;
using LoraArena.Runs.Launching;

namespace LoraArena.Cli.Commands;

/// <summary><c>variants</c>: the registry of the worker, with all options that <c>run -s</c> takes.</summary>
internal static class VariantsCommand
{
    public static Command Create()
    {
        var id = new Argument<string?>("id") { Description = "A variant, to see its options.", Arity = ArgumentArity.ZeroOrOne };
        var model = new Option<string?>("--model") { Description = "A base model: counts what each method trains on it at its defaults.", HelpName = "M" };
        var command = new Command("variants", "Lists the fine-tuning methods, or the options of one.") { id, model };
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = parse.GetValue(model) is null ? ArenaServices.Open(parse) : await ArenaServices.OpenIndexAsync(parse, cancel);
            var card = parse.GetValue(model) is { } modelName ? await arena.ModelAsync(modelName, cancel) : null;
            if (parse.GetValue(id) is { } named)
            {
                var (variant, worker) = await arena.VariantAsync(named, cancel);
                var size = card is null ? null : await WorkerCatalog.SizeAsync(card.Path, new VariantChoice(variant.Id, []), budget: null, cancel);
                var described = new Described(
                    variant.Id, variant.Name, variant.Summary, variant.Paper, variant.PeftType, variant.ParameterFormula, variant.Options,
                    worker.Training)
                {
                    Group = variant.Group,
                    Cost = variant.Cost,
                    Parameters = size?.Parameters,
                };
                Output.Of(parse).Answer(described, text => Print(text, variant, size, worker.Training));
                return Exit.Done;
            }

            var all = await arena.Get<WorkerCatalog>().DescribeAsync(cancel);
            var sizes = card is null ? null : await WorkerCatalog.SizesAsync(card.Path, budget: null, cancel);
            Output.Of(parse).Answer(new { all.Variants, all.Training, sizes?.Sizes, sizes?.Refusals }, text => Print(text, all.Variants, sizes));
            return Exit.Done;
        });
        return command;
    }

    private static void Print(TextWriter text, IReadOnlyList<VariantDescription> variants, VariantSizes? sizes)
    {
        var first = true;
        foreach (var (group, members) in VariantGroups.Grouped(variants))
        {
            if (!first) text.WriteLine();
            first = false;
            text.WriteLine(group.Title());
            var table = new TextTable().Text("id").Text("name");
            if (sizes is not null) table.Figures("parameters");
            table.Text("summary").Text("paper");
            foreach (var variant in members)
            {
                var parameters = sizes?.Sizes.FirstOrDefault(size => size.Variant == variant.Id)?.Parameters;
                string[] count = sizes is null ? [] : [parameters?.ToString("N0", CultureInfo.InvariantCulture) ?? "does not fit"];
                table.Add([variant.Id, variant.Name, .. count, variant.Summary, variant.Paper]);
            }

            table.Write(text);
        }
    }

    private static void Print(TextWriter text, VariantDescription variant, VariantSize? size, IReadOnlyList<OptionDescription> training)
    {
        text.WriteLine($"{variant.Name}: {variant.Summary}");
        text.WriteLine($"  {variant.Paper}");
        text.WriteLine($"  trainable parameters of a layer: {variant.ParameterFormula}");
        if (size is not null)
        {
            text.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"  trainable parameters at the defaults: {size.Parameters:N0} in {size.Sites} layers, the head not counted"));
        }

        text.WriteLine($"  cost beside LoRA: {variant.Cost}");
        text.WriteLine();
        text.WriteLine("Options of the variant (-s name=value):");
        foreach (var option in variant.Options) Print(text, option);
        text.WriteLine();
        text.WriteLine("Options of every training (-s name=value):");
        foreach (var option in training) Print(text, option);
    }

    private static void Print(TextWriter text, OptionDescription option)
    {
        var range = option.Choices is { } choices
            ? string.Join(" | ", choices)
            : option.Minimum is null ? option.Kind.ToString().ToLowerInvariant()
            : FormattableString.Invariant($"{option.Kind.ToString().ToLowerInvariant()} from {option.Minimum} to {option.Maximum}");
        text.WriteLine($"  {option.Name} = {option.Default?.ToString() ?? "(empty)"}    {range}{(option.Optional ? ", or empty" : "")}");
        text.WriteLine($"      {option.Help}");
    }

    /// <summary>The answer for one variant.</summary>
    private sealed record Described(
        string Id, string Name, string Summary, string Paper, string? PeftType, string ParameterFormula,
        IReadOnlyList<OptionDescription> Options, IReadOnlyList<OptionDescription> Training)
    {
        /// <summary>Where lists put it.</summary>
        public VariantGroup Group { get; init; }

        /// <summary>What it costs beside LoRA of equal size.</summary>
        public string Cost { get; init; } = "";

        /// <summary>What it trains on the model that was named; null where none was.</summary>
        public long? Parameters { get; init; }
    }
}
