using LoraArena.Core.Battles;
using LoraArena.Core.Files;
using LoraArena.Core.Journal;
using LoraArena.Core.Json;
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
    private readonly DiskReserve _reserve;
    private readonly RunClock _clock;
    private long _step;
    private RunCost? _cost;
    private PlanRecord? _plan;

    private RunSession(RunFolder run, int attempt, TimeProvider time, JournalWriter journal, StopSignal stop, DiskReserve reserve)
    {
        (_run, _attempt, _time, _journal, _stop, _reserve, _clock) = (run, attempt, time, journal, stop, reserve, new RunClock(time));
    }

    // Of training alone.
    private double Seconds => _clock.Of(RunPhase.Training);

    /// <summary>Does the run of a folder.</summary>
    /// <returns>The process's exit code.</returns>
    public static int Run(ArenaFolder arena, RunFolder run, int attempt, int threads, string? autoDevice, TimeProvider time)
    {
        if (JsonFile.TryRead<RunResult>(run.Result) is { } ended)
        {
            throw new JsonFileException(run.Path, $"the run has ended already ({ended.State}); resume it first");
        }

        _ = RunSpec.Read(run.Spec);
        var job = Environment.GetEnvironmentVariable("SLURM_JOB_ID");
        var lease = new RunLease(
            attempt, Environment.MachineName, Environment.ProcessId, RunEnvironment.ProcessStarted(), job, time.GetUtcNow(),
            time.GetUtcNow())
        { BootId = ProcessIdentity.Machine };
        lease.Take(run);
        using var heartbeat = new Heartbeat(run, lease, time);
        using var stop = new StopSignal(run);
        using var reserve = new DiskReserve(run, attempt);
        using var journal = new JournalWriter(run, attempt, time);
        return new RunSession(run, attempt, time, journal, stop, reserve).Run(arena, threads, autoDevice);
    }

    private int Run(ArenaFolder arena, int threads, string? autoDevice)
    {
        try
        {
            Write(new StateRecord(RunState.Running, "loading"));
            if (RunManifest.ChangedSpec(_run) is { } changed) throw new InvalidDataException(changed);
            using var inputs = RunInputs.Open(arena, _run, threads, autoDevice, _time);
            inputs.Device.MarkBase();
            AtomicFile.WriteJson(_run.Manifest, RunEnvironment.Manifest(_run, _attempt, inputs.Device, threads, inputs.Model.Precision));
            var (train, validation) = inputs.ReadSplit();
            using var trainer = new Trainer(inputs.Model, inputs.Packer, train, inputs.Spec.Training) { SecondsTrained = () => Seconds };
            return Run(inputs, trainer, train, validation);
        }
        catch (AttemptTakenException error)
        {
            // Another attempt owns the folder now: leave it alone.
            Console.Error.WriteLine(error.Message);
            return WorkerCommand.Failed;
        }
        catch (OperationCanceledException)
        {
            return End(RunState.Stopped, _stop.Asked()?.Reason ?? "Stopped.", cost: _cost);
        }
        catch (Exception error)
        {
            WorkerLog.Error(error);
            var reason = WorkerCommand.Explain(error) ?? $"{WorkerCommand.Summarize(error)} (log.txt has the details)";
            return End(RunState.Failed, reason, cost: _cost, flag: WorkerCommand.FlagOf(error));
        }
    }

    private int Run(RunInputs inputs, Trainer trainer, IReadOnlyList<TokenizedBattle> train, IReadOnlyList<TokenizedBattle> validation)
    {
        try
        {
            Resume(inputs, trainer);
            Announce(inputs, trainer, train, validation);
            if (Train(inputs, trainer, validation) is { } stopped) return End(RunState.Stopped, stopped, cost: Cost(inputs, trainer));
            return Finish(inputs, trainer, train, validation);
        }
        catch
        {
            // What it has cost is told of a run that failed too, while model and device can still be asked.
            _cost = Cost(inputs, trainer);
            throw;
        }
    }

    private void Resume(RunInputs inputs, Trainer trainer)
    {
        if (RunCheckpoint.RestoreNewest(_run, inputs.Model, trainer, PassOver) is not { } restored)
        {
            if (_attempt > 1) Write(new ResumeRecord(0));
            return;
        }

        _step = trainer.StepsDone;
        _clock.Add(RunPhase.Training, restored.Seconds);
        _clock.Add(RunPhase.Loading, restored.LoadingSeconds);
        _clock.Add(RunPhase.Evaluation, restored.EvaluationSeconds);
        _clock.Add(RunPhase.Saving, restored.SavingSeconds);
        Write(new ResumeRecord(trainer.StepsDone));
    }

    private void PassOver(long step, string damage)
        => Write(new WarningRecord(FormattableString.Invariant($"The checkpoint after step {step} is damaged ({damage}) and is passed over: the run goes on from an earlier one, or from the start.")));

    private void Announce(RunInputs inputs, Trainer trainer, IReadOnlyList<TokenizedBattle> train, IReadOnlyList<TokenizedBattle> validation)
    {
        _plan = new PlanRecord(
            trainer.PlannedSteps ?? 0, trainer.StepsPerEpoch, train.Count, validation.Count, trainer.TrainableParameters, inputs.Model.Parameters,
            $"{inputs.Device.Id}: {inputs.Device.Name}", inputs.Head)
        { MaxSeconds = inputs.Spec.Training.MaxSeconds };
        Write(_plan);
        var asked = inputs.Spec.Training.MaxLength;
        if (inputs.Packer.MaxLength < asked)
        {
            Write(new WarningRecord($"max_length {asked} is more than the model's {inputs.Packer.MaxLength} positions; {inputs.Packer.MaxLength} is used."));
        }

        var cut = train.Count(row => !inputs.Packer.FitsWhole(row));
        if (cut > 0)
        {
            Write(new WarningRecord(FormattableString.Invariant($"{cut} of {train.Count} training rows ({100.0 * cut / train.Count:0.#} %) are longer than {inputs.Packer.MaxLength} tokens and are cut; both answers stay visible.")));
        }

        Forecast(inputs, trainer);
        Write(new StateRecord(RunState.Running, "training"));
    }

    // Before the first step: a run that cannot fit should not find it out hours later.
    private void Forecast(RunInputs inputs, Trainer trainer)
    {
        if (inputs.Forecast(trainer) is not { } memory) return;
        var needs = FormattableString.Invariant($"about {Gib(memory.Bytes)} GiB of memory, with gradient_checkpointing {Gib(memory.BytesRecomputing)}");
        var planned = trainer.Recomputes ? memory.BytesRecomputing : memory.Bytes;
        var all = inputs.Device.MemoryBytes;
        if (all is null || planned <= all)
        {
            WorkerLog.Write(FormattableString.Invariant($"needs {needs}{(all is { } there ? $"; {inputs.Device.Id} has {Gib(there)} GiB" : "")}"));
        }
        else
        {
            Write(new WarningRecord(FormattableString.Invariant($"This training will need {needs}, and {inputs.Device.Id} has {Gib(all.Value)} GiB: set gradient_checkpointing, fewer max_tokens_per_micro_batch, or a base_precision of fewer bits.")));
        }
    }

    private static string Gib(long bytes) => FormattableString.Invariant($"{bytes / (double)(1L << 30):0.0}");

    /// <summary>Trains to the end of the plan; gives the reason where it was stopped before.</summary>
    private string? Train(RunInputs inputs, Trainer trainer, IReadOnlyList<TokenizedBattle> validation)
    {
        var options = inputs.Spec.Training;
        var reporter = new StepReporter(_journal, trainer, inputs.Device, Seconds);
        var lastReport = _time.GetTimestamp();
        var lastCheckpoint = _time.GetTimestamp();
        _clock.Enter(RunPhase.Training);
        WorkerLog.Write(FormattableString.Invariant($"training begins {RunEnvironment.SecondsOfProcess(_time):0.0} s after the start of the process"));
        while (!trainer.IsOver)
        {
            trainer.Step();
            BetweenSteps.Collect();
            _step = trainer.StepsDone;
            if (trainer.PlannedSteps is { } planned && planned != _plan!.Steps) Write(_plan = _plan with { Steps = planned });
            foreach (var warning in trainer.TakeWarnings()) Write(new WarningRecord(warning));
            if (_time.GetElapsedTime(lastReport) >= ReportEvery)
            {
                reporter.Report(Seconds);
                lastReport = _time.GetTimestamp();
            }

            var ended = trainer.IsOver;
            if (!ended && trainer.StepsDone % trainer.StepsPerEpoch == 0)
            {
                reporter.Report(Seconds);
                Evaluate(inputs, trainer, validation);
            }

            var asked = _stop.Asked();
            if (ended
                || asked is { When: StopWhen.AfterCheckpoint }
                || _time.GetElapsedTime(lastCheckpoint).TotalSeconds >= options.CheckpointSeconds
                || trainer.StepsDone % (options.SaveSteps ?? long.MaxValue) == 0)
            {
                reporter.Report(Seconds);
                var phase = _clock.Enter(RunPhase.Saving);
                RunCheckpoint.Write(_run, inputs.Model, trainer, _clock);
                Write(new CheckpointRecord(trainer.StepsDone));
                _clock.Enter(phase);
                lastCheckpoint = _time.GetTimestamp();
            }

            if (asked is { } stop)
            {
                reporter.Report(Seconds);
                return stop.Reason;
            }

            // Seconds go on counting: what has been written down as the end is the end.
            if (ended) break;
        }

        return null;
    }

    private (IReadOnlyList<Prediction> Predictions, Scores Scores) Evaluate(RunInputs inputs, Trainer trainer, IReadOnlyList<TokenizedBattle> validation)
    {
        var phase = _clock.Enter(RunPhase.Evaluation);
        Write(new StateRecord(RunState.Running, "evaluating"));
        var predictor = PredictorOf(inputs, trainer);
        var predictions = predictor.Predict(validation, StopNow);
        if (!predictions.All(IsFinite)) throw new DivergedException(trainer.StepsDone);
        var scores = Scores.Of(predictions) with { FlipRate = predictor.FlipRate };
        Write(new EvalRecord(trainer.StepsDone, (double)trainer.StepsDone / trainer.StepsPerEpoch, scores));
        Write(new StateRecord(RunState.Running, "training"));
        _clock.Enter(phase);
        return (predictions, scores);
    }

    private int Finish(RunInputs inputs, Trainer trainer, IReadOnlyList<TokenizedBattle> train, IReadOnlyList<TokenizedBattle> validation)
    {
        _clock.Enter(RunPhase.Saving);
        var (predictions, scores) = Evaluate(inputs, trainer, validation);
        Directory.CreateDirectory(Path.GetDirectoryName(_run.ValidationPredictions)!);
        PredictionFile.Write(_run.ValidationPredictions, predictions);
        LossTable.Write(_run.Losses, predictions);
        if (inputs.Spec.Data.Test is not null)
        {
            Write(new StateRecord(RunState.Running, "predicting"));
            _clock.Enter(RunPhase.Evaluation);
            var test = PredictorOf(inputs, trainer).Predict(inputs.ReadTest(), StopNow);
            if (!test.All(IsFinite)) throw new DivergedException(trainer.StepsDone);
            PredictionFile.Write(_run.TestPredictions, test);
            if (inputs.MakeSubmission(_run) is { } fault) Write(new WarningRecord($"There is no submission to send: {fault}"));
        }

        _clock.Enter(RunPhase.Saving);
        RunAdapter.Write(_run.Adapter, inputs.Model, inputs.BaseName);
        ExportReadMe.WriteOfAdapter(_run.Adapter, inputs.Model, inputs.BaseName, inputs.PadTokenId);
        var collapsed = CollapseCheck.Find(predictions, [.. train.Select(row => row.Winner).OfType<Winner>()]);
        if (collapsed is not null) Write(new WarningRecord(collapsed));
        var code = End(RunState.Succeeded, collapsed, scores, Cost(inputs, trainer), collapsed is null ? null : RunMark.Collapsed);
        RemoveCheckpoints(inputs.Spec.Training.KeepCheckpoint);
        return code;
    }

    // After the result: a run that is killed in between goes on from its checkpoint, not from the start.
    private void RemoveCheckpoints(bool keepNewest)
    {
        try
        {
            _run.RemoveCheckpoints(keepNewest);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            WorkerLog.Error($"Checkpoints could not be removed: {error.Message}");
        }
    }

    // Into the journal for programs, and into the log for people.
    private void Write(JournalRecord record)
    {
        _journal.Append(record);
        var line = record switch
        {
            StateRecord state => $"{state.State}: {state.Phase}",
            PlanRecord plan => FormattableString.Invariant($"{(plan.Steps > 0 ? $"{plan.Steps:#,0} steps" : $"{plan.MaxSeconds:0.#} seconds")} over {plan.TrainRows:#,0} rows, {plan.StepsPerEpoch:#,0} an epoch; ")
                + FormattableString.Invariant($"{plan.ValidationRows:#,0} rows validate; {plan.TrainableParameters:#,0} of {plan.TotalParameters:#,0} ")
                + $"parameters train, on {plan.Device}; {plan.Head}",
            ResumeRecord resume => FormattableString.Invariant($"going on after step {resume.Step}"),
            EvalRecord eval => FormattableString.Invariant($"step {eval.Step}: validation log loss {eval.Scores.LogLoss:0.0000}, accuracy {eval.Scores.Accuracy:0.000}"),
            CheckpointRecord checkpoint => FormattableString.Invariant($"checkpoint after step {checkpoint.Step}"),
            WarningRecord warning => "warning: " + warning.Text,
            _ => throw new ArgumentOutOfRangeException(nameof(record), record, "steps have a line of their own in the journal only"),
        };
        WorkerLog.Write(FormattableString.Invariant($"{_time.GetUtcNow():HH:mm:ss} {line}"));
    }

    private int End(RunState state, string? reason, Scores? scores = null, RunCost? cost = null, RunMark? flag = null)
    {
        _reserve.Dispose();
        try
        {
            Write(new StateRecord(state, reason ?? "done"));
            _journal.Flush();
        }
        catch (IOException error) when (state == RunState.Failed)
        {
            // A journal that cannot be written is no reason to keep quiet about the end.
            WorkerLog.Error(error.Message);
        }

        new RunResult(state, _attempt, _time.GetUtcNow(), reason, _step, scores, cost) { Flag = flag }.Write(_run);
        return state == RunState.Failed ? WorkerCommand.Failed : WorkerCommand.Done;
    }

    private RunCost Cost(RunInputs inputs, Trainer trainer)
        => new(Seconds, trainer.Tokens, trainer.Tokens / Math.Max(1e-9, Seconds), inputs.Device.PeakBytes(), trainer.TrainableParameters)
        {
            LoadingSeconds = _clock.Of(RunPhase.Loading),
            EvaluationSeconds = _clock.Of(RunPhase.Evaluation),
            SavingSeconds = _clock.Of(RunPhase.Saving),
            PeakMemoryAboveBaseBytes = inputs.Device.PeakAboveBase(),
        };

    private static bool IsFinite(Prediction prediction)
        => prediction.Probabilities is var p && double.IsFinite(p.A) && double.IsFinite(p.B) && double.IsFinite(p.Tie);

    // Asked between batches of a prediction.
    private bool StopNow()
    {
        BetweenSteps.Collect();
        return _stop.Asked() is { When: StopWhen.Now };
    }

    private static Predictor PredictorOf(RunInputs inputs, Trainer trainer)
        => new(inputs.Model, inputs.Packer, inputs.Spec.Training.SwapAverage, trainer.MicroBatchTokens);
}
