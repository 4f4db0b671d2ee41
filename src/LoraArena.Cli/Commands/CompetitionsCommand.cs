using System.CommandLine;
using LoraArena.Cli.Printing;
using LoraArena.Core.Competitions;
using LoraArena.Data.Splits;

namespace LoraArena.Cli.Commands;

/// <summary><c>competitions</c>: what has been imported, and which splits there are.</summary>
internal static class CompetitionsCommand
{
    public static Command Create()
    {
        var command = new Command("competitions", "Lists the competitions with their files and splits.");
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var all = arena.Library.List().Select(c => new Row(
                c.Id, c.Name, c.Created, c.Files, c.Earlier, c.DefaultSplit, [.. arena.Library.ListSplits(c.Id).Select(SplitLine.Of)])).ToList();
            Output.Of(parse).Answer(new Result(all), text => Print(text, all));
            return Exit.Done;
        });
        return command;
    }

    private static void Print(TextWriter text, List<Row> all)
    {
        if (all.Count == 0) text.WriteLine("There are no competitions yet; 'arena import' makes one.");
        foreach (var competition in all)
        {
            text.WriteLine(Show.Name(competition.Name));
            foreach (var file in competition.Files) text.WriteLine($"  {Describe(file)}");
            foreach (var (file, replaced) in competition.Earlier) text.WriteLine($"  earlier {Describe(file)}, replaced {replaced.UtcDateTime:yyyy-MM-dd}");
            foreach (var split in competition.Splits)
            {
                text.WriteLine($"  split {split.Id}: {split.Describe()}{(split.Id == competition.DefaultSplit ? ", the default" : "")}");
                foreach (var warning in split.Warnings) text.WriteLine($"    warning: {Show.Name(warning)}");
            }
        }
    }

    private static string Describe(CompetitionFile file)
    {
        var rejected = file.Rejected > 0 ? $", {Show.Count(file.Rejected)} rejected" : "";
        return $"{file.Role.ToString().ToLowerInvariant()}: {Show.Name(file.Name)}, {Show.Count(file.Rows)} rows{rejected}";
    }

    /// <summary>The answer.</summary>
    private sealed record Result(IReadOnlyList<Row> Competitions);

    /// <summary>One competition of it.</summary>
    private sealed record Row(
        string Id,
        string Name,
        DateTimeOffset Created,
        IReadOnlyList<CompetitionFile> Files,
        IReadOnlyList<EarlierFile> Earlier,
        string? DefaultSplit,
        IReadOnlyList<SplitLine> Splits);
}

/// <summary>A split without its ids.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Name">Its name.</param>
/// <param name="Kind">How it came to be.</param>
/// <param name="Seed">The seed it was drawn with.</param>
/// <param name="Train">Rows that train, where it has two sides.</param>
/// <param name="Validation">Rows that validate, where it has two sides.</param>
/// <param name="Folds">Rows of each fold, where it has folds.</param>
/// <param name="Warnings">What speaks against it.</param>
internal sealed record SplitLine(
    string Id, string Name, SplitKind Kind, long? Seed, int? Train, int? Validation, IReadOnlyList<int>? Folds, IReadOnlyList<string> Warnings)
{
    public static SplitLine Of(SplitSummary split)
        => new(split.Id, split.Name, split.Kind, split.Seed, split.Train, split.Validation, split.Folds, split.Warnings);

    /// <summary>In words.</summary>
    public string Describe()
    {
        var seed = Seed is { } drawn ? FormattableString.Invariant($", seed {drawn}") : "";
        return Folds is { } folds
            ? $"{Show.Name(Name)}{seed}, {string.Join(" + ", folds.Select(f => Show.Count(f)))} rows"
            : $"{Show.Name(Name)}{seed}, {Show.Count(Train)} rows train and {Show.Count(Validation)} validate";
    }
}
