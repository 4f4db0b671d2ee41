using LoraArena.Core.Runs;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Packing;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Training;

// B battles of a micro-batch, C classes.

/// <summary>
/// Trains a model's adapter and head: one call, one optimiser step. What a step does depends on seed and step number alone, so a trainer
/// that takes a checkpoint back goes on as if it had never stopped. Everything runs on the thread that calls.
/// </summary>
public sealed class Trainer : IDisposable
{
    private const string VariantPrefix = "variant.";

    // Keeps small gradients above fp16's smallest number; they are divided by it again in fp32.
    private const double HalfLossScale = 1024;
    private readonly PreferenceModel _model;
    private readonly StepBatches _batches;
    private readonly TrainingOptions _options;
    private readonly TrainingLength _length;
    private readonly ForwardMode _mode;
    private readonly double _lossScale;
    private readonly List<(long Step, double Rate, Tensor Loss, Tensor Norm)> _unread = [];
    private readonly List<string> _warnings = [];
    private FlatParameters? _parameters;
    private Optimizer? _optimizer;

    /// <summary>Prepares the training of a model that carries its adapter.</summary>
    /// <param name="model">The model.</param>
    /// <param name="packer">How battles become sequences.</param>
    /// <param name="rows">Training rows, each with a winner.</param>
    /// <param name="options">How to train.</param>
    /// <exception cref="ArgumentException">There is no row.</exception>
    public Trainer(PreferenceModel model, BattlePacker packer, IReadOnlyList<TokenizedBattle> rows, TrainingOptions options)
    {
        if (rows.Count == 0) throw new ArgumentException("There is no row to train on.", nameof(rows));
        (_model, _options) = (model, options);
        StepsPerEpoch = EpochPlan.Steps(rows.Count, options.BatchSize);
        _batches = new StepBatches(packer, rows, options, model.Device);
        _length = new TrainingLength(options, _batches);
        MicroBatchTokens = MicroBatchSize.Of(options, model.Device);
        Recomputes = options.GradientCheckpointing;
        _lossScale = model.ComputeType == ScalarType.Float16 ? HalfLossScale : 1;
        var config = model.Config;
        _mode = new ForwardMode(
            true, options.HiddenDropout ?? config.HiddenDropout, options.AttentionDropout ?? config.AttentionDropout,
            options.HiddenDropout ?? config.ClassifierDropout);
        Plan();
    }

    /// <summary>Optimiser steps of the whole training: those that it will not go beyond, where a budget of tokens or seconds ends it before.</summary>
    public long Steps => _length.MaxSteps;

    /// <summary>Optimiser steps that the training is going to have; null while a budget of seconds has not told its pace.</summary>
    public long? PlannedSteps => _length.Planned;

    /// <summary>True once steps, tokens or seconds are what was planned.</summary>
    public bool IsOver => _length.IsOver(StepsDone, Tokens, Seconds);

    /// <summary>Optimiser steps of an epoch.</summary>
    public long StepsPerEpoch { get; }

    /// <summary>Optimiser steps done.</summary>
    public long StepsDone { get; private set; }

    /// <summary>Real tokens trained on so far, padding not counted.</summary>
    public long Tokens { get; private set; }

    /// <summary>Trainable parameters, the head's among them; some methods settle them at <see cref="Start"/> only.</summary>
    public long TrainableParameters => Trained.Sum(w => w.Weight.Count);

    /// <summary>Learning rate of the last step.</summary>
    public double LearningRate { get; private set; }

    /// <summary>Padded tokens that go through the model at once; halved where memory is not enough.</summary>
    public int MicroBatchTokens { get; private set; }

    /// <summary>True if blocks are computed a second time instead of being kept.</summary>
    public bool Recomputes { get; private set; }

    /// <summary>Seconds of training so far: where the run has a budget of seconds, the schedule is planned over them. Null counts steps alone.</summary>
    public Func<double>? SecondsTrained { get; set; }

    /// <summary>True if another thread prepares the next step's rows while a step runs.</summary>
    public bool MakesBatchesAhead
    {
        get => _batches.MakesAhead;
        set => _batches.MakesAhead = value;
    }

    /// <summary>Called with the padded tokens of each micro-batch before it runs; tests make memory short here.</summary>
    public Action<long>? BeforeMicroBatch { get; set; }

    /// <summary>Gives the adapter starting values that take more than a seed; <see cref="Step"/> does it too where it has not been done.</summary>
    public void Start()
    {
        if (_model.Adapted is { HasStarted: false } adapted)
        {
            adapted.Start(new StartingData(
                _model, (int)StepsPerEpoch, _options.Seed, BackwardOfStart, ForwardOfStart)
            { LearningRate = _options.LearningRate, ShareSpent = () => SecondsTrained is null ? 1 : Seconds / _options.MaxSeconds ?? 1 });
        }

        Prepare();
    }

    /// <summary>Does one optimiser step.</summary>
    public void Step()
    {
        Start();
        var (parameters, optimizer) = Prepare();
        using var scope = NewDisposeScope();
        var step = StepsDone;
        var (loss, tokens) = BackwardOf(step, parameters);
        _model.Adapted?.ExtraLoss()?.backward();
        BackwardCall.Check();
        using (no_grad()) _model.Adapted?.AfterBackward(step + 1);
        var norm = parameters.ClipGradient(_options.MaxGradNorm);
        LearningRate = LearningRateNow();
        optimizer.Step(LearningRate);
        StepsDone++;
        Tokens += tokens;
        using (no_grad()) _model.Adapted?.AfterStep(StepsDone, optimizer);
        _unread.Add((step + 1, LearningRate, loss.DetachFromDisposeScope(), norm.DetachFromDisposeScope()));
        if (_length.Observe(StepsDone, Seconds)) Plan();
    }

    /// <summary>Sentences about what the trainer had to change since the last call.</summary>
    public IReadOnlyList<string> TakeWarnings()
    {
        var taken = _warnings.ToList();
        _warnings.Clear();
        return taken;
    }

    /// <summary>
    /// Loss and gradient norm of every step since the last call, read from the device together. This waits for the device: call it now and then.
    /// </summary>
    public IReadOnlyList<StepReport> TakeReports()
    {
        if (_unread.Count == 0) return [];
        using var scope = NewDisposeScope();
        var numbers = stack(_unread.SelectMany(u => new[] { u.Loss.view([]), u.Norm.view([]) })).cpu().data<float>().ToArray();
        var reports = _unread.Select((u, i) => new StepReport(u.Step, numbers[2 * i], numbers[(2 * i) + 1], u.Rate)).ToList();
        foreach (var (_, _, loss, norm) in _unread)
        {
            loss.Dispose();
            norm.Dispose();
        }

        _unread.Clear();
        return reports;
    }

    /// <summary>The state of optimiser and variant by name, for a checkpoint.</summary>
    public Dictionary<string, Tensor> OptimizerState()
    {
        var state = Prepare().Optimizer.State();
        foreach (var (name, value) in _model.Adapted?.State() ?? new Dictionary<string, Tensor>()) state.Add(VariantPrefix + name, value);
        return state;
    }

    /// <summary>Takes a checkpoint's state back; the model's weights must have been read already.</summary>
    /// <param name="read">Gives a tensor of the optimiser's state by its name.</param>
    /// <param name="steps">Steps done up to the checkpoint.</param>
    /// <param name="tokens">Tokens trained on up to it.</param>
    /// <param name="microBatchTokens">What <see cref="MicroBatchTokens"/> was; null for what the options say.</param>
    /// <param name="recomputes">What <see cref="Recomputes"/> was; null for what the options say.</param>
    /// <param name="plannedSteps">What <see cref="PlannedSteps"/> was.</param>
    public void Restore(
        Func<string, Tensor> read, long steps, long tokens, int? microBatchTokens = null, bool? recomputes = null, long? plannedSteps = null)
    {
        (MicroBatchTokens, Recomputes, _length.Planned) = (microBatchTokens ?? MicroBatchTokens, recomputes ?? Recomputes, plannedSteps ?? _length.Planned);
        Plan();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        _model.Adapted?.Resume(steps);
        Prepare().Optimizer.Restore(read, _model.Adapted?.OptimizerSteps(steps) ?? steps);
        foreach (var (name, view) in _model.Adapted?.State() ?? new Dictionary<string, Tensor>()) view.copy_(read(VariantPrefix + name));
        (StepsDone, Tokens) = (steps, tokens);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (_, _, loss, norm) in _unread)
        {
            loss.Dispose();
            norm.Dispose();
        }

        _batches.Dispose();
        _optimizer?.Dispose();
        _parameters?.Dispose();
    }

    private double Seconds => SecondsTrained?.Invoke() ?? 0;

    private void Plan()
    {
        if (_length.Planned is { } steps) _model.Adapted?.Plan(steps, StepsPerEpoch);
    }

    // Whatever ends the run first, steps, seconds or tokens, the rate reaches 0 there.
    private double LearningRateNow()
    {
        var (schedule, position) = (
            new LinearSchedule(_options.LearningRate, _length.StepsToPlan, _options.WarmupRatio), _length.Position(StepsDone, Tokens, Seconds));
        return _model.Adapted?.LearningRate(schedule, position) ?? schedule.At(position);
    }

    private IEnumerable<AdapterWeight> Trained => PeftFolder.Weights(_model).Where(w => w.Trained);

    // Once the weights are what they will be: starting values may change their shapes.
    private (FlatParameters Parameters, Optimizer Optimizer) Prepare()
    {
        _parameters ??= new FlatParameters(
            Trained.Select(w => KeyValuePair.Create(w.Key, w.Weight)), _model.Device,
            _model.Adapted is { } adapted ? adapted.GroupOf : null);
        _optimizer ??= _model.Adapted?.CreateOptimizer(_parameters, _options.WeightDecay) ?? new AdamW(_parameters, _options.WeightDecay);
        return (_parameters, _optimizer);
    }

    // Gradients of a whole step. Where memory is not enough the step begins anew with less at once: no weight has moved yet.
    private (Tensor Loss, long Tokens) BackwardOf(long step, FlatParameters parameters)
    {
        while (true)
        {
            var largest = 0;
            try
            {
                using var scope = NewDisposeScope();
                var micros = _batches.Take(step, MicroBatchTokens);
                try
                {
                    largest = micros.Max(micro => micro.Batch.Count);
                    parameters.ZeroGradient();
                    var loss = zeros(1, ScalarType.Float32, _model.Device);
                    var rows = micros.Sum(micro => micro.Batch.Count);
                    for (var part = 0; part < micros.Count; part++)
                    {
                        RandomStreams.Seed(_model.Device, _options.Seed, RandomStreams.Purpose.Dropout, step, part);
                        Backward(micros[part], rows, _mode with { Random = new PassRandom(_model.Device, _options.Seed, step, part) }, loss);
                    }

                    if (_lossScale != 1) parameters.Gradient.div_(_lossScale);
                    return (loss.MoveToOuterDisposeScope(), micros.Sum(micro => micro.Batch.RealTokens));
                }
                finally
                {
                    foreach (var micro in micros) micro.Dispose();
                }
            }
            catch (Exception error) when (OutOfMemory.Is(error) && TakesLess(step, largest))
            {
                // The next round of the loop does the step with less memory.
            }
        }
    }

    private bool TakesLess(long step, int rowsAtOnce)
    {
        if (rowsAtOnce > 1)
        {
            MicroBatchTokens = Math.Max(1, MicroBatchTokens / 2);
            _warnings.Add(FormattableString.Invariant($"Step {step + 1} ran out of memory: from here on at most {MicroBatchTokens} tokens go through the model at once. The result is the same, the pace lower."));
            return true;
        }

        if (Recomputes) return false;
        Recomputes = true;
        _warnings.Add(FormattableString.Invariant($"Step {step + 1} ran out of memory with one row at a time: from here on blocks are computed a second time instead of being kept (gradient_checkpointing)."));
        return true;
    }

    private void BackwardOfStart(int index)
    {
        using var scope = NewDisposeScope();
        using var gradients = enable_grad();
        var (micros, loss) = (_batches.MakeNow(index, MicroBatchTokens), zeros(1, ScalarType.Float32, _model.Device));
        var rows = micros.Sum(micro => micro.Batch.Count);
        foreach (var micro in micros)
        {
            Backward(micro, rows, ForwardMode.Inference, loss, scale: 1);
            micro.Dispose();
        }
    }

    private void ForwardOfStart(int index, Action<TokenBatch> announce)
    {
        using var noGrad = no_grad();
        foreach (var micro in _batches.MakeNow(index, MicroBatchTokens))
        {
            using var scope = NewDisposeScope();
            announce(micro.Batch);
            _model.Logits(micro.Batch, ForwardMode.Inference);
            micro.Dispose();
        }
    }

    private void Backward(MicroBatch micro, int rowsOfStep, ForwardMode mode, Tensor lossOfStep, double? scale = null)
    {
        using var scope = NewDisposeScope();
        BeforeMicroBatch?.Invoke(micro.Batch.Count * micro.Batch.Length);
        var factor = scale ?? _lossScale;
        var loss = BackwardPass.Run(
            _model, micro.Batch, mode, Recomputes,
            logitsBC => nn.functional.cross_entropy(logitsBC, micro.WinnersB, reduction: nn.Reduction.Sum) * (factor / rowsOfStep));
        lossOfStep.add_(loss, alpha: 1 / factor);
    }
}

/// <summary>What one optimiser step came to.</summary>
/// <param name="Step">Its number, from 1.</param>
/// <param name="Loss">Mean loss of its rows.</param>
/// <param name="GradNorm">Norm of the gradient before clipping.</param>
/// <param name="LearningRate">Learning rate it used.</param>
public sealed record StepReport(long Step, double Loss, double GradNorm, double LearningRate);
