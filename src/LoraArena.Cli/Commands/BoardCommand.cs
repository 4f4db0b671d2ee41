using System.CommandLine;
using System.Globalization;
using CsvHelper;
using LoraArena.Cli.Printing;
using LoraArena.Core.Competitions;
using LoraArena.Core.Runs;
using LoraArena.Runs;

namespace LoraArena.Cli.Commands;

/// <summary><c>board</c>: runs and baselines on the same rows, best first.</summary>
internal static class BoardCommand
{
    public static Command Create()
    {
        var name = new Argument<string>("name") { Description = "The competition." };
        var split = new SplitOptions();
        var format = new Option<string>("--format") { Description = "table, csv or json.", DefaultValueFactory = _ => "table", HelpName = "table|csv|json" };
        format.AcceptOnlyFromAmong("table", "csv", "json");
        var command = new Command("board", "Prints the leaderboard of one split: runs and baselines, lowest log loss first.") { name, split.Fold, split.SplitId, format };
        command.AllowOneOf(format, GlobalOptions.Json);
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var competition = arena.Competition(parse.GetRequiredValue(name));
            var chosen = split.Choose(parse, arena.Library, competition);
            var baselines = arena.Library.EvaluateBaselines(competition.Id, chosen.Id, chosen.Fold, cancel).Select(baseline => baseline.ToBoardRow());
            var runs = (await arena.Store.SucceededAsync(competition.Id, RunIndex.SplitKey(chosen), cancel)).Select(run => run.ToBoardRow());
            var lines = Board.Of(baselines.Concat(runs)).Rows.Select(Line.Of).ToList();
            var wanted = parse.GetRequiredValue(format);
            var output = wanted == "json" ? new Output(json: true) : Output.Of(parse);
            output.Answer(new Answered(competition.Name, chosen, lines), text =>
            {
                if (wanted == "csv") WriteCsv(text, lines);
                else Print(text, lines);
            });
            return Exit.Done;
        });
        return command;
    }

    private static void Print(TextWriter text, List<Line> lines)
    {
        var table = new TextTable().Figures("rank").Text("name").Figures("log loss").Text("95 % interval").Figures("accuracy").Figures("ECE").Figures("seconds").Figures("tokens/s").Figures("peak memory").Figures("trainable").Text("id");
        foreach (var line in lines)
        {
            table.Add(
                Show.Count(line.Rank), line.Name, Show.Metric(line.LogLoss), Show.Interval(line.LogLossLow, line.LogLossHigh), Show.Metric(line.Accuracy), Show.Metric(line.Ece),
                Show.Count(line.Seconds), Show.Count(line.TokensPerSecond), Show.Bytes(line.PeakMemoryBytes), Show.Count(line.TrainableParameters), line.Id);
        }

        table.Write(text);
    }

    private static void WriteCsv(TextWriter text, List<Line> lines)
    {
        using var csv = CsvWriter.Create(text, new CsvWriterOptions { NewLine = "\n" }, leaveOpen: true);
        csv.WriteRecord((string[])
        [
            "rank", "id", "name", "baseline", "variant", "model", "seed", "log_loss", "log_loss_low", "log_loss_high", "accuracy", "ece", "seconds", "tokens_per_second", "peak_memory_bytes", "trainable_parameters",
        ]);
        foreach (var line in lines)
        {
            csv.WriteRecord((string[])
            [
                Number(line.Rank), Text(line.Id), Text(line.Name), line.Baseline ? "true" : "false", Text(line.Variant), Text(line.Model), Number(line.Seed),
                Number(line.LogLoss), Number(line.LogLossLow), Number(line.LogLossHigh), Number(line.Accuracy), Number(line.Ece),
                Number(line.Seconds), Number(line.TokensPerSecond), Number(line.PeakMemoryBytes), Number(line.TrainableParameters),
            ]);
        }
    }

    private static string Number<T>(T? value) where T : struct, IFormattable => value?.ToString(null, CultureInfo.InvariantCulture) ?? "";

    private static string Number<T>(T value) where T : struct, IFormattable => value.ToString(null, CultureInfo.InvariantCulture);

    // This table is for people, who open it in a spreadsheet: a name must not become a formula there.
    private static string Text(string? cell) => cell is ['=' or '+' or '-' or '@' or '\t' or '\r', ..] ? "'" + cell : cell ?? "";

    /// <summary>The answer.</summary>
    private sealed record Answered(string Competition, SplitReference Split, IReadOnlyList<Line> Rows);

    /// <summary>One line of it.</summary>
    private sealed record Line(
        int Rank, string Id, string Name, bool Baseline, string? Variant, string? Model, long? Seed, double LogLoss, double LogLossLow, double LogLossHigh, double Accuracy, double Ece,
        double? Seconds, double? TokensPerSecond, long? PeakMemoryBytes, long? TrainableParameters)
    {
        public static Line Of(BoardRow row, int index) => new(
            index + 1, row.Id, row.Name, row.IsBaseline, row.Variant, row.Model, row.Seed, row.LogLoss.Value, row.LogLoss.Low, row.LogLoss.High, row.Accuracy, row.Ece,
            row.Seconds, row.TokensPerSecond, row.PeakMemoryBytes, row.TrainableParameters);
    }
}
