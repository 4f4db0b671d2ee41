using LoraArena.Core.Battles;
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
    private readonly PreferenceModel _model;
    private readonly BattlePacker _packer;
    private readonly IReadOnlyList<TokenizedBattle> _rows;
    private readonly IReadOnlyList<int> _lengths;
    private readonly TrainingOptions _options;
    private readonly LinearSchedule _schedule;
    private readonly ForwardMode _mode;
    private readonly List<(long Step, Tensor Loss, Tensor Norm)> _unread = [];
    private IReadOnlyList<int[]> _batches = [];
    private long _batchesOfEpoch = -1;
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
        (_model, _packer, _rows, _options) = (model, packer, rows, options);
        _lengths = [.. rows.Select(row => packer.Pack(row, swap: false).Length)];
        StepsPerEpoch = EpochPlan.Steps(rows.Count, options.BatchSize);
        Steps = options.MaxSteps ?? Math.Max(1, (long)Math.Ceiling(options.NumTrainEpochs * StepsPerEpoch));
        _schedule = new LinearSchedule(options.LearningRate, Steps, options.WarmupRatio);
        var config = model.Config;
        _mode = new ForwardMode(true, options.HiddenDropout ?? config.HiddenDropout, options.AttentionDropout ?? config.AttentionDropout, options.HiddenDropout ?? config.ClassifierDropout);
        model.Adapted?.Plan(Steps, StepsPerEpoch);
    }

    /// <summary>Optimiser steps of the whole training.</summary>
    public long Steps { get; }

    /// <summary>Optimiser steps of an epoch.</summary>
    public long StepsPerEpoch { get; }

    /// <summary>Optimiser steps done.</summary>
    public long StepsDone { get; private set; }

    /// <summary>Real tokens trained on so far, padding not counted.</summary>
    public long Tokens { get; private set; }

    /// <summary>Numbers that the optimiser moves; some methods settle them at <see cref="Start"/> only.</summary>
    public long TrainableParameters => Trained.Sum(w => w.Weight.Count);

    /// <summary>Learning rate of the last step.</summary>
    public double LearningRate { get; private set; }

    /// <summary>Gives the adapter starting values that take more than a seed; <see cref="Step"/> does it too where it has not been done.</summary>
    public void Start()
    {
        if (_model.Adapted is { HasStarted: false } adapted) adapted.Start(new StartingData(_model, (int)StepsPerEpoch, _options.Seed, BackwardOfStart, ForwardOfStart) { LearningRate = _options.LearningRate });
        Prepare();
    }

    /// <summary>Does one optimiser step.</summary>
    public void Step()
    {
        Start();
        var (parameters, optimizer) = Prepare();
        using var scope = NewDisposeScope();
        var step = StepsDone;
        var epoch = step / StepsPerEpoch;
        var rows = RowsOf(epoch, step % StepsPerEpoch);
        var loss = zeros(1, ScalarType.Float32, _model.Device);
        parameters.ZeroGradient();
        var part = 0;
        foreach (var micro in MicroBatches(rows))
        {
            RandomStreams.Seed(_model.Device, _options.Seed, RandomStreams.Purpose.Dropout, step, part++);
            Backward(micro, rows.Count, _mode, loss);
            Tokens += micro.Sum(row => (long)row.Packed.Length);
        }

        _model.Adapted?.ExtraLoss()?.backward();
        using (no_grad()) _model.Adapted?.AfterBackward(step + 1);
        var norm = parameters.ClipGradient(_options.MaxGradNorm);
        LearningRate = LearningRateAt(step);
        optimizer.Step(LearningRate);
        StepsDone++;
        using (no_grad()) _model.Adapted?.AfterStep(StepsDone, optimizer);
        _unread.Add((step + 1, loss.DetachFromDisposeScope(), norm.DetachFromDisposeScope()));
    }

    /// <summary>
    /// Loss and gradient norm of every step since the last call, read from the device together. This waits for the device: call it now and then.
    /// </summary>
    public IReadOnlyList<StepReport> TakeReports()
    {
        if (_unread.Count == 0) return [];
        using var scope = NewDisposeScope();
        var numbers = stack(_unread.SelectMany(u => new[] { u.Loss.view([]), u.Norm.view([]) })).cpu().data<float>().ToArray();
        var reports = _unread.Select((u, i) => new StepReport(u.Step, numbers[2 * i], numbers[(2 * i) + 1], LearningRateAt(u.Step - 1))).ToList();
        foreach (var (_, loss, norm) in _unread)
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
    public void Restore(Func<string, Tensor> read, long steps, long tokens)
    {
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
        foreach (var (_, loss, norm) in _unread)
        {
            loss.Dispose();
            norm.Dispose();
        }

        _optimizer?.Dispose();
        _parameters?.Dispose();
    }

    private double LearningRateAt(long step) => _model.Adapted?.LearningRate(_schedule, step) ?? _schedule.At(step);

    private IEnumerable<AdapterWeight> Trained => PeftFolder.Weights(_model).Where(w => w.Trained);

    // Once the weights are what they will be: starting values may change their shapes.
    private (FlatParameters Parameters, Optimizer Optimizer) Prepare()
    {
        _parameters ??= new FlatParameters(Trained.Select(w => KeyValuePair.Create(w.Key, w.Weight)), _model.Device, _model.Adapted is { } adapted ? adapted.GroupOf : null);
        _optimizer ??= _model.Adapted?.CreateOptimizer(_parameters, _options.WeightDecay) ?? new AdamW(_parameters, _options.WeightDecay);
        return (_parameters, _optimizer);
    }

    private void BackwardOfStart(int index)
    {
        using var scope = NewDisposeScope();
        using var gradients = enable_grad();
        var (rows, loss) = (RowsOf(0, index), zeros(1, ScalarType.Float32, _model.Device));
        foreach (var micro in MicroBatches(rows)) Backward(micro, rows.Count, ForwardMode.Inference, loss);
    }

    private void ForwardOfStart(int index, Action<TokenBatch> announce)
    {
        using var noGrad = no_grad();
        foreach (var micro in MicroBatches(RowsOf(0, index)))
        {
            using var scope = NewDisposeScope();
            using var batch = _packer.Batch([.. micro.Select(row => row.Packed)], _model.Device);
            announce(batch);
            _model.Logits(batch, ForwardMode.Inference);
        }
    }

    private void Backward((PackedBattle Packed, Winner Winner)[] micro, int rowsOfStep, ForwardMode mode, Tensor lossOfStep)
    {
        using var scope = NewDisposeScope();
        using var batch = _packer.Batch([.. micro.Select(row => row.Packed)], _model.Device);
        var winnersB = tensor(micro.Select(row => (long)row.Winner).ToArray(), device: _model.Device);
        var logitsBC = _model.Logits(batch, mode);
        var loss = nn.functional.cross_entropy(logitsBC, winnersB, reduction: nn.Reduction.Sum) / rowsOfStep;
        loss.backward();
        lossOfStep.add_(loss.detach());
    }

    private IEnumerable<(PackedBattle Packed, Winner Winner)[]> MicroBatches(IEnumerable<(PackedBattle Packed, Winner Winner)> rows)
        => EpochPlan.MicroBatches(rows, row => row.Packed.Length, _options.MaxTokensPerMicroBatch);

    private List<(PackedBattle Packed, Winner Winner)> RowsOf(long epoch, long index)
        => [.. BatchOf(epoch, index).Select(row => Pack(row, _options.SwapInTraining && EpochPlan.Swaps(_options.Seed, epoch, row)))];

    private int[] BatchOf(long epoch, long index)
    {
        if (_batchesOfEpoch != epoch) (_batches, _batchesOfEpoch) = (EpochPlan.Batches(_lengths, _options.BatchSize, _options.Seed, epoch), epoch);
        return _batches[(int)index];
    }

    private (PackedBattle Packed, Winner Winner) Pack(int row, bool swap)
    {
        var winner = _rows[row].Winner ?? throw new InvalidOperationException($"Row {_rows[row].Id} has no winner to train on.");
        return (_packer.Pack(_rows[row], swap), swap ? winner.Swapped() : winner);
    }
}

/// <summary>What one optimiser step came to.</summary>
/// <param name="Step">Its number, from 1.</param>
/// <param name="Loss">Mean loss of its rows.</param>
/// <param name="GradNorm">Norm of the gradient before clipping.</param>
/// <param name="LearningRate">Learning rate it used.</param>
public sealed record StepReport(long Step, double Loss, double GradNorm, double LearningRate);
