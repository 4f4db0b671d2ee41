using LoraArena.Core.Battles;
using LoraArena.Core.Files;
using LoraArena.Core.Journal;
using LoraArena.Core.Metrics;
using LoraArena.Core.Runs;
using LoraArena.Data.Predictions;
using LoraArena.Learning.Packing;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Training;
using LoraArena.Worker.Commands;

namespace LoraArena.Worker.Running;

/// <summary>
/// One attempt at a run, from taking the lease to writing the result. It reads from top to bottom as the run goes: load, resume, train,
/// evaluate, finish. Whatever ends it early is written down as the run's result; only death leaves none.
/// </summary>
internal sealed class RunSession
{
    private static readonly TimeSpan ReportEvery = TimeSpan.FromSeconds(0.5);

    private readonly RunFolder _run;
    private readonly int _attempt;
    private readonly TimeProvider _time;
    private readonly JournalWriter _journal;
    private readonly StopSignal _stop;
    private double _secondsBefore;
    private long _started;
    private long _step;

    private RunSession(RunFolder run, int attempt, TimeProvider time, JournalWriter journal, StopSignal stop)
    {
        (_run, _attempt, _time, _journal, _stop) = (run, attempt, time, journal, stop);
    }

    private double Seconds => _secondsBefore + _time.GetElapsedTime(_started).TotalSeconds;

    /// <summary>Does the run of a folder.</summary>
    /// <returns>The process's exit code.</returns>
    public static int Run(ArenaFolder arena, RunFolder run, int attempt, int threads, TimeProvider time)
    {
        if (RunFile.TryRead<RunResult>(run.Result) is { } ended) throw new RunFileException(run.Path, $"the run has ended already ({ended.State}); resume it first");
        _ = RunSpec.Read(run.Spec);
        var lease = new RunLease(attempt, Environment.MachineName, Environment.ProcessId, RunEnvironment.ProcessStarted(), Environment.GetEnvironmentVariable("SLURM_JOB_ID"), time.GetUtcNow(), time.GetUtcNow());
        lease.Take(run);
        using var heartbeat = new Heartbeat(run, lease, time);
        using var stop = new StopSignal(run);
        using var journal = new JournalWriter(run, attempt, time);
        return new RunSession(run, attempt, time, journal, stop).Run(arena, threads);
    }

    private int Run(ArenaFolder arena, int threads)
    {
        try
        {
            _started = _time.GetTimestamp();
            Note(new StateRecord(RunState.Running, "loading"));
            using var inputs = RunInputs.Open(arena, _run, threads, _time);
            AtomicFile.WriteJson(_run.Manifest, RunEnvironment.Manifest(_run, _attempt, inputs.Device, threads));
            var (train, validation) = inputs.ReadSplit();
            using var trainer = new Trainer(inputs.Model, inputs.Packer, train, inputs.Spec.Training);
            Resume(inputs, trainer);
            Announce(inputs, trainer, train, validation);
            if (Train(inputs, trainer, validation) is { } stopped) return End(RunState.Stopped, stopped, cost: Cost(inputs, trainer));
            return Finish(inputs, trainer, validation);
        }
        catch (AttemptTakenException error)
        {
            // Another attempt owns the folder now: leave it alone.
            Console.Error.WriteLine(error.Message);
            return WorkerCommand.Failed;
        }
        catch (OperationCanceledException)
        {
            return End(RunState.Stopped, _stop.Asked()?.Reason ?? "Stopped.");
        }
        catch (Exception error)
        {
            Console.Error.WriteLine(error);
            return End(RunState.Failed, WorkerCommand.Explain(error) ?? $"{error.GetType().Name}: {error.Message} (log.txt has the details)");
        }
    }

    private void Resume(RunInputs inputs, Trainer trainer)
    {
        if (RunCheckpoint.RestoreNewest(_run, inputs.Model, trainer) is not { } restored)
        {
            if (_attempt > 1) Note(new ResumeRecord(0));
            return;
        }

        _step = trainer.StepsDone;
        _secondsBefore = restored.Seconds;
        _started = _time.GetTimestamp();
        Note(new ResumeRecord(trainer.StepsDone));
    }

    private void Announce(RunInputs inputs, Trainer trainer, IReadOnlyList<TokenizedBattle> train, IReadOnlyList<TokenizedBattle> validation)
    {
        var total = inputs.Model.BaseWeights.Sum(w => w.Count) + trainer.TrainableParameters;
        Note(new PlanRecord(trainer.Steps, trainer.StepsPerEpoch, train.Count, validation.Count, trainer.TrainableParameters, total, $"{inputs.Device.Id}: {inputs.Device.Name}"));
        var asked = inputs.Spec.Training.MaxLength;
        if (inputs.Packer.MaxLength < asked) Note(new WarningRecord($"max_length {asked} is more than the model's {inputs.Packer.MaxLength} positions; {inputs.Packer.MaxLength} is used."));
        var cut = train.Count(row => !inputs.Packer.FitsWhole(row));
        if (cut > 0) Note(new WarningRecord(FormattableString.Invariant($"{cut} of {train.Count} training rows ({100.0 * cut / train.Count:0.#} %) are longer than {inputs.Packer.MaxLength} tokens and are cut; both answers stay visible.")));
        Note(new StateRecord(RunState.Running, "training"));
    }

    /// <summary>Trains to the end of the plan; gives the reason where it was stopped before.</summary>
    private string? Train(RunInputs inputs, Trainer trainer, IReadOnlyList<TokenizedBattle> validation)
    {
        var options = inputs.Spec.Training;
        var reporter = new StepReporter(_journal, trainer, inputs.Device, _time);
        var lastReport = _time.GetTimestamp();
        var lastCheckpoint = _time.GetTimestamp();
        while (trainer.StepsDone < trainer.Steps)
        {
            trainer.Step();
            _step = trainer.StepsDone;
            if (_time.GetElapsedTime(lastReport) >= ReportEvery)
            {
                reporter.Report(Seconds);
                lastReport = _time.GetTimestamp();
            }

            var ended = trainer.StepsDone == trainer.Steps || Seconds >= options.MaxSeconds || trainer.Tokens >= options.MaxTokens;
            if (!ended && trainer.StepsDone % trainer.StepsPerEpoch == 0)
            {
                reporter.Report(Seconds);
                Evaluate(inputs, trainer, validation);
            }

            var asked = _stop.Asked();
            if (ended || asked is { When: StopWhen.AfterCheckpoint } || _time.GetElapsedTime(lastCheckpoint).TotalSeconds >= options.CheckpointSeconds || trainer.StepsDone % (options.SaveSteps ?? long.MaxValue) == 0)
            {
                reporter.Report(Seconds);
                RunCheckpoint.Write(_run, inputs.Model, trainer, Seconds);
                Note(new CheckpointRecord(trainer.StepsDone));
                lastCheckpoint = _time.GetTimestamp();
            }

            if (asked is { } stop)
            {
                reporter.Report(Seconds);
                return stop.Reason;
            }

            if (ended) break;
        }

        return null;
    }

    private (IReadOnlyList<Prediction> Predictions, Scores Scores) Evaluate(RunInputs inputs, Trainer trainer, IReadOnlyList<TokenizedBattle> validation)
    {
        Note(new StateRecord(RunState.Running, "evaluating"));
        var predictor = PredictorOf(inputs);
        var predictions = predictor.Predict(validation, StopNow);
        var scores = Scores.Of(predictions) with { FlipRate = predictor.FlipRate };
        Note(new EvalRecord(trainer.StepsDone, (double)trainer.StepsDone / trainer.StepsPerEpoch, scores));
        Note(new StateRecord(RunState.Running, "training"));
        return (predictions, scores);
    }

    private int Finish(RunInputs inputs, Trainer trainer, IReadOnlyList<TokenizedBattle> validation)
    {
        var (predictions, scores) = Evaluate(inputs, trainer, validation);
        var cost = Cost(inputs, trainer);
        Directory.CreateDirectory(Path.GetDirectoryName(_run.ValidationPredictions)!);
        PredictionFile.Write(_run.ValidationPredictions, predictions);
        LossTable.Write(_run.Losses, predictions);
        if (inputs.Spec.Data.Test is not null)
        {
            Note(new StateRecord(RunState.Running, "predicting"));
            PredictionFile.Write(_run.TestPredictions, PredictorOf(inputs).Predict(inputs.ReadTest(), StopNow));
        }

        PeftFolder.Write(_run.Adapter, inputs.Model, inputs.Spec.Model.Path);
        return End(RunState.Succeeded, null, scores, cost);
    }

    // Into the journal for programs, and into the log for people.
    private void Note(JournalRecord record)
    {
        _journal.Append(record);
        var line = record switch
        {
            StateRecord state => $"{state.State}: {state.Phase}",
            PlanRecord plan => FormattableString.Invariant($"{plan.Steps} steps over {plan.TrainRows} rows, {plan.StepsPerEpoch} an epoch; {plan.ValidationRows} rows validate; {plan.TrainableParameters} of {plan.TotalParameters} parameters train, on {plan.Device}"),
            ResumeRecord resume => FormattableString.Invariant($"going on after step {resume.Step}"),
            EvalRecord eval => FormattableString.Invariant($"step {eval.Step}: validation log loss {eval.Scores.LogLoss:0.0000}, accuracy {eval.Scores.Accuracy:0.000}"),
            CheckpointRecord checkpoint => FormattableString.Invariant($"checkpoint after step {checkpoint.Step}"),
            WarningRecord warning => "warning: " + warning.Text,
            _ => throw new ArgumentOutOfRangeException(nameof(record), record, "steps have a line of their own in the journal only"),
        };
        Console.WriteLine(FormattableString.Invariant($"{_time.GetUtcNow():HH:mm:ss} {line}"));
    }

    private int End(RunState state, string? reason, Scores? scores = null, RunCost? cost = null)
    {
        Note(new StateRecord(state, reason ?? "done"));
        _journal.Flush();
        new RunResult(state, _attempt, _time.GetUtcNow(), reason, _step, scores, cost).Write(_run);
        return state == RunState.Failed ? WorkerCommand.Failed : WorkerCommand.Done;
    }

    private RunCost Cost(RunInputs inputs, Trainer trainer) => new(Seconds, trainer.Tokens, trainer.Tokens / Math.Max(1e-9, Seconds), inputs.Device.PeakBytes(), trainer.TrainableParameters);

    private bool StopNow() => _stop.Asked() is { When: StopWhen.Now };

    private static Predictor PredictorOf(RunInputs inputs) => new(inputs.Model, inputs.Packer, inputs.Spec.Training.SwapAverage, inputs.Spec.Training.MaxTokensPerMicroBatch);
}
