using System.Globalization;
using LoraArena.Cli.Commands;
using LoraArena.Cli.Printing;
using LoraArena.Core.Competitions;
using LoraArena.Core.Runs;
using LoraArena.Core.Trials;
using LoraArena.Data.Boards;
using LoraArena.Runs;
using LoraArena.Runs.Trials;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace LoraArena.Cli.Running;

/// <summary>Follows a trial to its end and says what came of it. What happens to this process does not happen to its runs.</summary>
internal sealed class TrialWatch(ArenaServices arena, Output output)
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan AfterTrouble = TimeSpan.FromSeconds(2);

    /// <summary>Follows it to its end; supervises meanwhile where nobody else does.</summary>
    public async Task<int> FollowAsync(string id, CancellationToken cancel)
    {
        using var supervision = arena.Supervision(SupervisorKind.Watch);
        try
        {
            var status = await Progress.ShowAsync($"Trial {id} …", progress => ToEndAsync(id, supervision, progress, cancel));
            await AnswerAsync(status, cancel);
            return status.State switch { "succeeded" => Exit.Done, "cancelled" => Exit.Interrupted, _ => Exit.Failed };
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            Output.Say($"The trial is left as it is; its runs go on. 'arena watch {id}' goes on watching.");
            return Exit.Interrupted;
        }
    }

    /// <summary>Starts the first run if its turn has come, and answers without waiting for more.</summary>
    public async Task<int> DetachAsync(string id, CancellationToken cancel)
    {
        using var supervision = arena.Supervision(SupervisorKind.Command);
        await supervision.PassAsync(cancel);
        await AnswerAsync((await arena.Get<TrialService>().StatusAsync(id, cancel))!, cancel);
        if (supervision.Holds) Output.Say($"Nobody starts its other runs when this command has ended: 'arena watch {id}' or 'arena serve' does.");
        return Exit.Done;
    }

    private async Task<TrialStatus> ToEndAsync(string id, Supervision supervision, Progress progress, CancellationToken cancel)
    {
        var told = new Dictionary<string, string>(StringComparer.Ordinal);
        while (true)
        {
            var pause = Every;
            try
            {
                await supervision.PassAsync(cancel);
                var status = (await arena.Get<TrialService>().StatusAsync(id, cancel))!;
                foreach (var line in status.Lines.Where(l => l.IsOver && told.TryAdd(l.Planned.Run, l.State))) progress.Event(Sentence(status.Trial, line));
                progress.Now($"Trial {id}: {TrialProgress.Sentence(status, TimeProvider.System.GetUtcNow())}");
                if (status.IsOver) return status;
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException or SqliteException or DbUpdateException)
            {
                // A full disk or a locked database passes.
                Output.Say(ErrorMap.Explain(error).Reason);
                pause = AfterTrouble;
            }

            await Task.Delay(pause, TimeProvider.System, cancel);
        }
    }

    private static string Sentence(Trial trial, TrialLine line)
    {
        var what = line.Planned.IsTuning
            ? FormattableString.Invariant($"try of learning rate {line.Planned.LearningRate:0.######}")
            : FormattableString.Invariant($"seed {line.Planned.Seed}");
        return $"{trial.Methods[line.Planned.Method].Name}, {what}: {line.State}{(line.Run?.LogLoss is { } loss ? ", log loss " + Show.Metric(loss) : "")}{(line.Reason is { } reason ? ": " + reason : "")}";
    }

    private async Task AnswerAsync(TrialStatus status, CancellationToken cancel)
    {
        var trial = status.Trial;
        Board? board = null;
        if (status.Lines.Any(l => !l.Planned.IsTuning && l.State == RunState.Succeeded.Name))
        {
            board = await BoardCommand.ReadAsync(
                arena, arena.Library.Get(trial.Competition.Id), TrialCommand.Query(trial.Plan.Split, trial.Parts, trial.Id), cancel);
        }

        var answer = new Answer(
            trial.Id, trial.Plan.Name, status.State, trial.IsProvisional, board is null ? null : BoardSentence.Of(board), [.. status.Lines.Select(l => new Line(
                l.Planned.Run, trial.Methods[l.Planned.Method].Name, l.Planned.Seed, trial.Parts[l.Planned.Part].Report.Fold,
                l.Planned.LearningRate, l.State, l.Reason, l.Run?.LogLoss, l.Run?.Seconds))],
            status.Chosen, board is null ? null : BoardExport.Of(trial.Competition.Name, trial.Parts[0].Report, board));
        output.Answer(answer, text =>
        {
            text.WriteLine($"Trial {trial.Id} ({Show.Name(trial.Plan.Name)}): {status.State}");
            var table = new TextTable().Text("method").Figures("seed").Text("learning rate").Text("state").Figures("log loss").Text("run");
            foreach (var line in answer.Runs)
            {
                table.Add(
                    line.Method, line.Seed.ToString(CultureInfo.InvariantCulture),
                    line.TriedLearningRate is { } rate ? FormattableString.Invariant($"try {rate:0.######}") : "", line.State,
                    Show.Metric(line.LogLoss), line.Run);
            }

            table.Write(text);
            if (board is not null) BoardCommand.Print(text, board, answer.Board!);
        });
    }

    /// <summary>The answer.</summary>
    private sealed record Answer(
        string Trial, string Name, string State, bool Provisional, string? Verdict, IReadOnlyList<Line> Runs, ChosenRates? LearningRates,
        BoardExport? Board);

    /// <summary>One run of it.</summary>
    private sealed record Line(
        string Run, string Method, long Seed, int? Fold, double? TriedLearningRate, string State, string? Reason, double? LogLoss,
        double? Seconds);
}
