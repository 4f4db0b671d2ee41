using System.CommandLine;
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
        var command = new Command("variants", "Lists the fine-tuning methods, or the options of one.") { id };
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = ArenaServices.Open(parse);
            if (parse.GetValue(id) is { } named)
            {
                var (variant, worker) = await arena.VariantAsync(named, cancel);
                Output.Of(parse).Answer(new Described(variant.Id, variant.Name, variant.Summary, variant.Paper, variant.PeftType, variant.ParameterFormula, variant.Options, worker.Training), text => Print(text, variant, worker.Training));
                return Exit.Done;
            }

            var all = await arena.Get<WorkerCatalog>().DescribeAsync(cancel);
            Output.Of(parse).Answer(new { all.Variants, all.Training }, text => Print(text, all.Variants));
            return Exit.Done;
        });
        return command;
    }

    private static void Print(TextWriter text, IReadOnlyList<VariantDescription> variants)
    {
        var table = new TextTable().Text("id").Text("name").Text("summary");
        foreach (var variant in variants) table.Add(variant.Id, variant.Name, variant.Summary);
        table.Write(text);
    }

    private static void Print(TextWriter text, VariantDescription variant, IReadOnlyList<OptionDescription> training)
    {
        text.WriteLine($"{variant.Name}: {variant.Summary}");
        text.WriteLine($"  {variant.Paper}");
        text.WriteLine($"  trainable numbers of a site: {variant.ParameterFormula}");
        text.WriteLine();
        text.WriteLine("Options of the variant (-s name=value):");
        foreach (var option in variant.Options) Print(text, option);
        text.WriteLine();
        text.WriteLine("Options of every training (-s name=value):");
        foreach (var option in training) Print(text, option);
    }

    private static void Print(TextWriter text, OptionDescription option)
    {
        var range = option.Choices is { } choices ? string.Join(" | ", choices) : option.Minimum is null ? option.Kind.ToString().ToLowerInvariant() : FormattableString.Invariant($"{option.Kind.ToString().ToLowerInvariant()} from {option.Minimum} to {option.Maximum}");
        text.WriteLine($"  {option.Name} = {option.Default?.ToString() ?? "(empty)"}    {range}{(option.Optional ? ", or empty" : "")}");
        text.WriteLine($"      {option.Help}");
    }

    /// <summary>The answer for one variant.</summary>
    private sealed record Described(
        string Id, string Name, string Summary, string Paper, string? PeftType, string ParameterFormula, IReadOnlyList<OptionDescription> Options, IReadOnlyList<OptionDescription> Training);
}
