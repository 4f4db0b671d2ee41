using System.CommandLine;
using System.Globalization;
using LoraArena.Cli.Printing;
using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Runs;
using LoraArena.Data.Import;
using LoraArena.Data.Submissions;
using LoraArena.Runs;
using LoraArena.Runs.Launching;

namespace LoraArena.Cli.Commands;

/// <summary><c>predict</c>: a run's submission.</summary>
internal static class PredictCommand
{
    public static Command Create()
    {
        var run = WatchCommand.Run();
        var output = new Option<string>("--out") { Description = "The submission to write.", HelpName = "submission.csv", Required = true };
        var swapAverage = new Option<bool?>("--swap-average") { Description = "Average over both orders of the answers; by default as the run did.", HelpName = "true|false" };
        var rows = new Option<string?>("--rows") { Description = "A CSV with id, prompt, response_a, response_b; by default the competition's test.csv.", HelpName = "FILE" };
        var ignoreSample = SubmissionCommand.IgnoreSample();
        var command = new Command("predict", "Writes a finished run's submission and checks it.") { run, output, swapAverage, rows, ignoreSample };
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var entry = await arena.SucceededRunAsync(parse.GetRequiredValue(run), cancel);
            var target = InputFile.ToWrite(parse.GetRequiredValue(output));
            var spec = RunSpec.Read(arena.Folder.Run(entry.Id).Spec);
            var competition = arena.Library.Get(spec.Competition.Id);
            var request = Request.Of(arena, spec, competition, parse.GetValue(rows), parse.GetValue(swapAverage));
            var temporary = Directory.CreateTempSubdirectory("arena-predict-");
            var notYet = AtomicFile.TemporaryPath(target);
            try
            {
                var predictions = request.IsDone
                    ? arena.Folder.Run(entry.Id).TestPredictions
                    : await AskAsync(arena, entry.Id, request, Path.Join(temporary.FullName, "predictions.csv"), cancel);

                // Rows of one's own are submitted as they come: the competition's sample does not know them.
                var form = request.OwnRows ? competition with { Files = [] } : competition;
                var report = Write(
                    arena, form, predictions, arena.Folder.Run(entry.Id).ValidationPredictions, notYet,
                    parse.GetValue(ignoreSample) && !request.OwnRows);
                if (report.Accepted) AtomicFile.Publish(notYet, target);
                Output.Of(parse).Answer(
                    new Result(entry.Id, report.Accepted ? target : null, report.Rows, report.Accepted, report.Errors, report.Warnings, report.Mean),
                    text => SubmissionCommand.Print(text, target, report));
                if (!report.Accepted) Output.Say($"The submission is not acceptable and was not written: {report.Errors[0]}");
                return SubmissionCommand.ExitCode(report);
            }
            finally
            {
                temporary.Delete(recursive: true);
                File.Delete(notYet);
            }
        });
        return command;
    }

    private static SubmissionReport Write(ArenaServices arena, Competition form, string predictions, string validation, string path, bool ignoreSample)
    {
        try
        {
            return arena.Get<RunSubmission>().Write(form, predictions, validation, path, ignoreSample);
        }
        catch (SampleMisfitException error)
        {
            throw new RefusedException($"{error.Message} In the shell: --ignore-sample.");
        }
    }

    private static async Task<string> AskAsync(ArenaServices arena, string runId, Request request, string path, CancellationToken cancel)
    {
        List<string> arguments = ["predict", arena.Folder.Run(runId).Path, "--out", path];
        if (request.Rows is { } rows) arguments.AddRange(["--rows", rows]);
        if (request.SwapAverage is { } swap) arguments.AddRange(["--swap-average", swap ? "true" : "false"]);
        if (arena.Get<RunSettings>().Threads is > 0 and var threads) arguments.AddRange(["--threads", threads.ToString(CultureInfo.InvariantCulture)]);
        var answer = await Progress.ShowAsync("Predicting …", _ => WorkerProgram.Find().AskAsync<WorkerAnswer>(arguments, cancel));
        if (request.OwnRows) SayRepairs(answer, Path.GetFileName(request.Rows!));
        return path;
    }

    // Those of the competition's file are in its import report.
    private static void SayRepairs(WorkerAnswer answer, string file)
    {
        foreach (var row in answer.Repairs)
        {
            var column = row.Column is null ? "" : $", column {row.Column}";
            Output.Say(FormattableString.Invariant($"{file}, line {row.Line}{column}: repaired: {row.Reason}"));
        }

        if (answer.Repaired > answer.Repairs.Count)
        {
            Output.Say(FormattableString.Invariant($"{file}: and {answer.Repaired - answer.Repairs.Count:#,0} more rows are repaired."));
        }
    }

    /// <summary>What has to be predicted.</summary>
    /// <param name="Rows">A CSV; null for the test.csv that the run was made with.</param>
    /// <param name="SwapAverage">Null as the run did.</param>
    /// <param name="OwnRows">True where the rows are the user's own.</param>
    /// <param name="IsDone">True where the run has predicted just that.</param>
    private sealed record Request(string? Rows, bool? SwapAverage, bool OwnRows, bool IsDone)
    {
        public static Request Of(ArenaServices arena, RunSpec spec, Competition competition, string? rows, bool? swapAverage)
        {
            if (rows is not null)
            {
                InputFile.Require(rows);
                return new Request(Path.GetFullPath(rows), swapAverage, OwnRows: true, IsDone: false);
            }

            var test = competition.File(FileRole.Test)
                ?? throw new RefusedException($"Competition '{competition.Name}' has no test.csv; import it, or name rows with --rows.");
            if (test.Sha256 != spec.Data.Test)
            {
                return new Request(Path.Join(arena.Folder.Dataset(test.Sha256), "source.csv"), swapAverage, OwnRows: false, IsDone: false);
            }

            return new Request(
                null, swapAverage, OwnRows: false,
                IsDone: (swapAverage ?? spec.Training.SwapAverage) == spec.Training.SwapAverage && File.Exists(arena.Folder.Run(spec.Run).TestPredictions));
        }
    }

    /// <summary>What the worker answers.</summary>
    private sealed record WorkerAnswer(int Rows, string File, int Repaired, IReadOnlyList<RowIssue> Repairs);

    /// <summary>The answer.</summary>
    private sealed record Result(
        string Run, string? File, int Rows, bool Accepted, IReadOnlyList<string> Errors, IReadOnlyList<string> Warnings,
        Core.Battles.Probabilities? Mean);
}
