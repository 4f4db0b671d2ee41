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
        var replace = new Option<bool>("--replace") { Description = "Take the place of a file of the same role; without it such an import is refused. The earlier file stays in the list." };
        var command = new Command(
            "import",
            "Takes CSV files into a competition; every row that is repaired or cannot be used is listed.") { files, competition, role, replace };
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var target = parse.GetRequiredValue(competition);
            var reports = new List<ImportReport>();
            try
            {
                foreach (var file in parse.GetRequiredValue(files))
                {
                    var (into, report) = await ImportAsync(arena, target, file, parse.GetValue(role), parse.GetValue(replace), cancel);
                    target = into.Name;
                    reports.Add(report);
                }

                return Exit.Done;
            }
            finally
            {
                // Of several files, those before one that is refused stay imported.
                if (reports.Count > 0) Output.Of(parse).Answer(new Result(target, [.. reports.Select(Imported.Of)]), text => Print(text, target, reports));
            }
        });
        return command;
    }

    private static async Task<(Competition Competition, ImportReport Report)> ImportAsync(
        ArenaServices arena, string competition, string path, FileRole? role, bool replace, CancellationToken cancel)
    {
        InputFile.Require(path);
        var name = Path.GetFileName(path);
        try
        {
            var imported = await Progress.ShowAsync($"Importing {name} …", async progress =>
            {
                await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1, FileOptions.Asynchronous);
                return await arena.Library.ImportAsNamedAsync(competition, file, name, role, replace, new ImportLine(name, progress), cancel);
            });
            await arena.Store.PutAsync(imported.Competition, cancel);
            return imported;
        }
        catch (FileInPlaceException error)
        {
            throw new RefusedException($"{error.Message} To replace it, add --replace.");
        }
    }

    private static void Print(TextWriter text, string competition, List<ImportReport> reports)
    {
        text.WriteLine($"Competition {Show.Name(competition)}");
        var table = new TextTable().Text("file").Text("role").Figures("rows").Figures("accepted").Figures("repaired").Figures("rejected");
        foreach (var report in reports)
        {
            var role = report.Role.ToString().ToLowerInvariant();
            table.Add(report.FileName, role, Show.Count(report.Rows), Show.Count(report.Accepted), Show.Count(report.Repaired), Show.Count(report.Rejected));
        }

        table.Write(text);
        foreach (var report in reports)
        {
            Print(text, report, "rejected", report.Rejections, report.Rejected);
            Print(text, report, "repaired", report.Repairs, report.Repaired);
            foreach (var warning in report.Warnings) text.WriteLine(Show.Name($"{report.FileName}: {warning}"));
        }

        foreach (var note in reports[^1].Notes ?? []) text.WriteLine(Show.Name(note));
    }

    private static void Print(TextWriter text, ImportReport report, string what, IReadOnlyList<RowIssue> rows, int count)
    {
        foreach (var row in rows)
        {
            var column = row.Column is null ? "" : $", column {row.Column}";
            text.WriteLine(Show.Name(FormattableString.Invariant($"{report.FileName}, line {row.Line}{column}: {what}: {row.Reason}")));
        }

        if (count > rows.Count) text.WriteLine(FormattableString.Invariant($"{report.FileName}: and {count - rows.Count:#,0} more rows are {what}."));
    }

    /// <summary>The answer.</summary>
    private sealed record Result(string Competition, IReadOnlyList<Imported> Files);

    /// <summary>One file of it.</summary>
    private sealed record Imported(
        string Name,
        FileRole Role,
        int Rows,
        int Accepted,
        int Repaired,
        IReadOnlyList<RowIssue> Repairs,
        IReadOnlyList<RowIssue> Rejected,
        int RejectedCount,
        string Sha256,
        IReadOnlyList<string> Warnings,
        IReadOnlyList<string>? Notes)
    {
        public static Imported Of(ImportReport report) => new(
            report.FileName,
            report.Role,
            report.Rows,
            report.Accepted,
            report.Repaired,
            report.Repairs,
            report.Rejections,
            report.Rejected,
            report.Sha256,
            report.Warnings,
            report.Notes);
    }

    /// <summary>Shows an import's progress on the command's line.</summary>
    private sealed class ImportLine(string file, Progress progress) : IProgress<ImportProgress>
    {
        public void Report(ImportProgress value) => progress.Now(value.Stage switch
        {
            ImportStage.Receiving => $"Importing {file}: {Show.Bytes(value.Bytes)}",
            ImportStage.Reading => $"Importing {file}: {Show.Count(value.Rows)} rows read",
            _ => $"Importing {file}: drawing the split, scoring the baselines",
        });
    }
}
