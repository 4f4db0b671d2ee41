using System.CommandLine;
using LoraArena.Cli.Printing;
using LoraArena.Core.Competitions;
using LoraArena.Data.Competitions;
using LoraArena.Data.Import;

namespace LoraArena.Cli.Commands;

/// <summary><c>import</c>: takes CSV files into a competition.</summary>
internal static class ImportCommand
{
    public static Command Create()
    {
        var files = new Argument<string[]>("file") { Description = "train.csv, test.csv, sample_submission.csv.", Arity = ArgumentArity.OneOrMore };
        var competition = new Option<string>("--competition") { Description = "The competition; it is made where there is none of that name.", HelpName = "NAME", Required = true };
        var role = new Option<FileRole?>("--role") { Description = "What the files are; by default the header tells.", HelpName = "train|test|sample" };
        role.AcceptOnlyFromAmong("train", "test", "sample");
        var command = new Command("import", "Takes CSV files into a competition; every row that cannot be used is listed.") { files, competition, role };
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var target = await FindOrCreateAsync(arena, parse.GetRequiredValue(competition), cancel);
            await arena.Store.PutAsync(target, cancel);
            var reports = new List<ImportReport>();
            try
            {
                foreach (var file in parse.GetRequiredValue(files)) reports.Add(await ImportAsync(arena, target, file, parse.GetValue(role), cancel));
                return Exit.Done;
            }
            finally
            {
                // Of several files, those before one that is refused stay imported.
                if (reports.Count > 0) Output.Of(parse).Answer(new Answered(target.Name, [.. reports.Select(Imported.Of)]), text => Print(text, target.Name, reports));
            }
        });
        return command;
    }

    private static async Task<Competition> FindOrCreateAsync(ArenaServices arena, string name, CancellationToken cancel)
    {
        if (arena.Library.Find(name) is { } known) return known;
        try
        {
            return await arena.Library.CreateAsync(name, cancel);
        }
        catch (CompetitionException) when (arena.Library.Find(name) is not null)
        {
            // Another process was faster.
            return arena.Library.Find(name)!;
        }
    }

    private static async Task<ImportReport> ImportAsync(ArenaServices arena, Competition competition, string path, FileRole? role, CancellationToken cancel)
    {
        InputFile.Require(path);
        var name = Path.GetFileName(path);
        var report = await Progress.ShowAsync($"Importing {name} …", async progress =>
        {
            await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1, FileOptions.Asynchronous);
            return await arena.Library.ImportAsync(competition.Id, file, name, role, new Told(name, progress), cancel);
        });
        await arena.Store.PutAsync(arena.Library.Get(competition.Id), cancel);
        return report;
    }

    private static void Print(TextWriter text, string competition, List<ImportReport> reports)
    {
        text.WriteLine($"Competition {Show.Name(competition)}");
        var table = new TextTable().Text("file").Text("role").Figures("rows").Figures("accepted").Figures("rejected");
        foreach (var report in reports) table.Add(report.FileName, Imported.NameOf(report.Role), Show.Count(report.Rows), Show.Count(report.Accepted), Show.Count(report.Rejected));
        table.Write(text);
        foreach (var report in reports)
        {
            foreach (var issue in report.Rejections) text.WriteLine(Show.Name(FormattableString.Invariant($"{report.FileName}, line {issue.Line}{(issue.Column is null ? "" : $", column {issue.Column}")}: {issue.Reason}")));
            if (report.Rejected > report.Rejections.Count) text.WriteLine(FormattableString.Invariant($"{report.FileName}: and {report.Rejected - report.Rejections.Count:#,0} more rows."));
        }

        foreach (var note in reports[^1].Notes ?? []) text.WriteLine(Show.Name(note));
    }

    /// <summary>The answer.</summary>
    private sealed record Answered(string Competition, IReadOnlyList<Imported> Files);

    /// <summary>One file of it.</summary>
    private sealed record Imported(string Name, FileRole Role, int Rows, int Accepted, int Repaired, IReadOnlyList<RowIssue> Rejected, int RejectedCount, string Sha256, IReadOnlyList<string>? Notes)
    {
        public static Imported Of(ImportReport report) => new(report.FileName, report.Role, report.Rows, report.Accepted, report.Repaired, report.Rejections, report.Rejected, report.Sha256, report.Notes);

        public static string NameOf(FileRole role) => role.ToString().ToLowerInvariant();
    }

    /// <summary>Passes an import's progress on.</summary>
    private sealed class Told(string file, Progress progress) : IProgress<ImportProgress>
    {
        public void Report(ImportProgress value) => progress.Now(value.Stage switch
        {
            ImportStage.Receiving => $"Importing {file}: {Show.Bytes(value.Bytes)}",
            ImportStage.Reading => $"Importing {file}: {Show.Count(value.Rows)} rows read",
            _ => $"Importing {file}: drawing the split, scoring the baselines",
        });
    }
}
