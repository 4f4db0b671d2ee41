using System.CommandLine;
using CsvHelper;
using LoraArena.Cli.Printing;
using LoraArena.Core.Competitions;
using LoraArena.Data.Boards;
using LoraArena.Runs;
using LoraArena.Runs.Launching;

namespace LoraArena.Cli.Commands;

/// <summary><c>board</c>: methods or runs, and baselines, on the same rows, best first, each compared with one reference.</summary>
internal static class BoardCommand
{
    public static Command Create()
    {
        var name = new Argument<string>("name") { Description = "The competition." };
        var split = new SplitOptions();
        var format = new Option<string>("--format") { Description = "table, csv or json.", DefaultValueFactory = _ => "table", HelpName = "table|csv|json" };
        format.AcceptOnlyFromAmong("table", "csv", "json");
        var by = new Option<string>("--by")
        {
            Description = "A line a run, or a line a method with all its seeds.",
            DefaultValueFactory = _ => "run",
            HelpName = "run|method",
        };
        by.AcceptOnlyFromAmong("run", "method");
        var reference = new Option<string?>("--reference") { Description = "Id of the run, method or baseline that all others are compared with; else the best LoRA.", HelpName = "ID" };
        var filter = new Option<string?>("--filter") { Description = "Only lines whose name, settings or tags have these words.", HelpName = "WORDS" };
        var trial = new Option<string?>("--trial") { Description = "Only runs of this trial.", HelpName = "TRIAL" };
        var command = new Command("board", "Prints the leaderboard of one split: lowest log loss first, each line compared with a reference row by row.")
        {
            name, split.Fold, split.SplitId, by, reference, filter, trial, format,
        };
        command.AllowOneOf(format, GlobalOptions.Json);
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var competition = arena.Competition(parse.GetRequiredValue(name));
            var chosen = split.Choose(parse, arena.Library, competition);
            var query = new BoardQuery
            {
                Split = chosen.Id,
                Fold = chosen.Fold,
                ByRun = parse.GetRequiredValue(by) == "run",
                Reference = parse.GetValue(reference),
                Filter = parse.GetValue(filter),
                Trial = parse.GetValue(trial) is { } ofTrial ? arena.Trial(ofTrial).Id : null,
            };
            var board = await ReadAsync(arena, competition, query, cancel);
            if (query.Reference is not null && board.Rows.All(r => r.Id != query.Reference && r.Runs.All(run => run.Spec.Run != query.Reference)))
            {
                throw new RefusedException($"The board has no line '{query.Reference}'; 'arena board {competition.Name} --json' shows the ids.");
            }

            var export = BoardExport.Of(competition.Name, chosen, board);
            var wanted = parse.GetRequiredValue(format);
            var output = wanted == "json" ? new Output(json: true) : Output.Of(parse);
            output.Answer(export, text =>
            {
                if (wanted == "csv") WriteCsv(text, export);
                else Print(text, board, export);
            });
            return Exit.Done;
        });
        return command;
    }

    /// <summary>Reads a board.</summary>
    public static async Task<Board> ReadAsync(ArenaServices arena, Competition competition, BoardQuery query, CancellationToken cancel)
    {
        var worker = await arena.Get<WorkerCatalog>().DescribeAsync(cancel);
        var reader = arena.Get<BoardReader>();
        var runs = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        var failed = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        foreach (var key in reader.PartsOf(competition, query).Select(RunIndex.SplitKey))
        {
            runs[key] = await arena.Store.SucceededIdsAsync(competition.Id, key, cancel);
            failed[key] = await arena.Store.EndedWithoutSuccessIdsAsync(competition.Id, key, cancel);
        }

        return reader.Read(competition, query, part => runs[RunIndex.SplitKey(part)], part => failed[RunIndex.SplitKey(part)], worker, cancel);
    }

    /// <summary>Prints a board for people.</summary>
    public static void Print(TextWriter text, Board board, BoardExport export)
    {
        var table = new TextTable()
            .Figures("rank")
            .Text("name")
            .Figures("log loss")
            .Text("95 % interval")
            .Figures("Δ")
            .Text("95 % interval")
            .Figures("p (Holm)")
            .Text("places")
            .Figures("seeds")
            .Figures("accuracy")
            .Figures("ECE")
            .Figures("seconds").Figures("tokens/s").Figures("peak memory").Figures("trainable").Text("id");
        foreach (var line in export.Rows)
        {
            table.Add(
                Show.Count(line.Rank), line.Name, Show.Metric(line.LogLoss), Show.Interval(line.LogLossLow, line.LogLossHigh),
                Show.Metric(line.Difference), Show.Interval(line.DifferenceLow, line.DifferenceHigh),
                line.PHolm is { } p ? BoardSentence.P(p) : "",
                line.RankBest is { } best ? FormattableString.Invariant($"{best}–{line.RankWorst}") : "",
                line.Baseline ? "" : Show.Count(line.Seeds), Show.Metric(line.Accuracy), Show.Metric(line.Ece),
                Show.Count(line.Seconds), Show.Count(line.TokensPerSecond), Show.Bytes(line.PeakMemoryBytes), Show.Count(line.TrainableParameters), line.Id);
        }

        table.Write(text);
        if (BoardSentence.Of(board) is { } sentence) text.WriteLine("\n" + Show.Name(sentence));
        foreach (var line in board.Failed)
        {
            var cost = line.Seconds is { } seconds ? $" after {Show.Seconds(seconds)}" : "";
            text.WriteLine(Show.Name($"Without success: {line.Name} ({string.Join(", ", line.Runs.Select(r => r.Spec.Run))}), {line.Ends}{cost}. {line.Runs[0].Result.Reason}"));
        }

        foreach (var run in board.Excluded) text.WriteLine(Show.Name($"Not compared: {run.Name} ({run.Run}). {run.Reason}"));
    }

    private static void WriteCsv(TextWriter text, BoardExport export)
    {
        using var csv = CsvWriter.Create(text, new CsvWriterOptions { NewLine = "\n" }, leaveOpen: true);
        foreach (var line in export.Csv()) csv.WriteRecord(line);
    }
}
