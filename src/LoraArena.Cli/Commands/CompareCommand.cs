using System.CommandLine;
using System.Globalization;
using LoraArena.Cli.Printing;
using LoraArena.Cli.Running;
using LoraArena.Core.Competitions;
using LoraArena.Core.Statistics;

namespace LoraArena.Cli.Commands;

/// <summary><c>compare</c>: is one run really better than another?</summary>
internal static class CompareCommand
{
    private const double Level = 0.05;

    public static Command Create()
    {
        var first = new Argument<string>("reference") { Description = "The run or baseline that the others are compared with." };
        var names = new Argument<string[]>("run") { Description = "Runs, or baselines by their ids.", Arity = ArgumentArity.OneOrMore };
        var command = new Command("compare", "Compares runs row by row, and says how sure the difference is.") { first, names };
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var runs = await ComparedRun.OpenAsync(arena, [parse.GetRequiredValue(first), .. parse.GetRequiredValue(names)], cancel);
            var (reference, others) = (runs[0], runs.Skip(1).ToList());
            var compared = others.Select(other => PairedComparison.Of(other.Predictions, reference.Predictions)).ToList();
            var adjusted = Holm.Adjust([.. compared.Select(c => c.P)]);
            var lines = others.Select((other, i) => new Line(
                other.Id, other.Name, compared[i].Rows, compared[i].Difference.Value, Bound(compared[i], d => d.Low),
                Bound(compared[i], d => d.High), compared[i].P, adjusted[i],
                Meaning(other, reference, compared[i], adjusted[i], others.Count))).ToList();
            Output.Of(parse).Answer(new Result(reference.Id, reference.Name, lines), text => Print(text, lines));
            return Exit.Done;
        });
        return command;
    }

    private static string Meaning(ComparedRun other, ComparedRun reference, PairedComparison compared, double adjusted, int family)
    {
        var difference = compared.Difference.Value;
        var span = BoardSentence.Span(compared.Difference, "+0.0000;-0.0000;0.0000");
        var figures = string.Create(
            CultureInfo.InvariantCulture,
            $"log loss {Math.Abs(difference):0.0000} {(difference < 0 ? "lower" : "higher")} than that of '{reference.Name}' on {compared.Rows} rows (difference {difference:+0.0000;-0.0000;0.0000}, {span}; p {BoardSentence.P(adjusted)}{(family > 1 ? $", adjusted for {family} comparisons" : "")})");
        var verdict = adjusted > Level ? "that may be chance" : difference < 0 ? "it is better" : "it is worse";
        return $"'{other.Name}' has a {figures}: {verdict}.";
    }

    private static double? Bound(PairedComparison compared, Func<Interval, double> which) => compared.Difference.IsKnown ? which(compared.Difference) : null;

    private static void Print(TextWriter text, List<Line> lines)
    {
        foreach (var line in lines) text.WriteLine(Show.Name(line.Meaning));
    }

    /// <summary>The answer.</summary>
    private sealed record Result(string Reference, string ReferenceName, IReadOnlyList<Line> Comparisons);

    /// <summary>One comparison of it: difference and interval of the mean log loss, of this run minus the reference; below zero it is better.</summary>
    private sealed record Line(string Run, string Name, int Rows, double Difference, double? Low, double? High, double P, double PHolm, string Meaning);
}
