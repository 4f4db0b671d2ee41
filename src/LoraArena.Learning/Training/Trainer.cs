using LoraArena.Core.Battles;
using LoraArena.Core.Runs;
using LoraArena.Learning.Batches;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Packing;
using LoraArena.Learning.Peft;
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
    private readonly PreferenceModel _model;
    private readonly BattlePacker _packer;
    private readonly IReadOnlyList<TokenizedBattle> _rows;
    private readonly IReadOnlyList<int> _lengths;
    private readonly TrainingOptions _options;
    private readonly FlatParameters _parameters;
    private readonly AdamW _optimizer;
    private readonly LinearSchedule _schedule;
    private readonly ForwardMode _mode;
    private readonly List<(long Step, Tensor Loss, Tensor Norm)> _unread = [];
    private IReadOnlyList<int[]> _batches = [];
    private long _batchesOfEpoch = -1;

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
        _parameters = new FlatParameters(PeftFolder.Weights(model), model.Device);
        _optimizer = new AdamW(_parameters, options.WeightDecay);
    }

    /// <summary>Optimiser steps of the whole training.</summary>
    public long Steps { get; }

    /// <summary>Optimiser steps of an epoch.</summary>
    public long StepsPerEpoch { get; }

    /// <summary>Optimiser steps done.</summary>
    public long StepsDone => _optimizer.Steps;

    /// <summary>Real tokens trained on so far, padding not counted.</summary>
    public long Tokens { get; private set; }

    /// <summary>Numbers that the optimiser moves.</summary>
    public long TrainableParameters => _parameters.Count;

    /// <summary>Learning rate of the last step.</summary>
    public double LearningRate { get; private set; }

    /// <summary>Does one optimiser step.</summary>
    public void Step()
    {
        using var scope = NewDisposeScope();
        var step = _optimizer.Steps;
        var epoch = step / StepsPerEpoch;
        var rows = BatchOf(epoch, step % StepsPerEpoch)
            .Select(row => Pack(row, _options.SwapInTraining && EpochPlan.Swaps(_options.Seed, epoch, row)))
            .ToList();
        var loss = zeros(1, ScalarType.Float32, _model.Device);
        _parameters.ZeroGradient();
        var part = 0;
        foreach (var micro in EpochPlan.MicroBatches(rows, row => row.Packed.Length, _options.MaxTokensPerMicroBatch))
        {
            RandomStreams.Seed(_model.Device, _options.Seed, RandomStreams.Purpose.Dropout, step, part++);
            Backward(micro, rows.Count, loss);
        }

        var norm = _parameters.ClipGradient(_options.MaxGradNorm);
        LearningRate = _schedule.At(step);
        _optimizer.Step(LearningRate);
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
        var reports = _unread.Select((u, i) => new StepReport(u.Step, numbers[2 * i], numbers[(2 * i) + 1], _schedule.At(u.Step - 1))).ToList();
        foreach (var (_, loss, norm) in _unread)
        {
            loss.Dispose();
            norm.Dispose();
        }

        _unread.Clear();
        return reports;
    }

    /// <summary>The optimiser's state by name, for a checkpoint.</summary>
    public Dictionary<string, Tensor> OptimizerState() => _optimizer.State();

    /// <summary>Takes a checkpoint's state back; the model's weights must have been read already.</summary>
    /// <param name="read">Gives a tensor of the optimiser's state by its name.</param>
    /// <param name="steps">Steps done up to the checkpoint.</param>
    /// <param name="tokens">Tokens trained on up to it.</param>
    public void Restore(Func<string, Tensor> read, long steps, long tokens)
    {
        _optimizer.Restore(read, steps);
        Tokens = tokens;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (_, loss, norm) in _unread)
        {
            loss.Dispose();
            norm.Dispose();
        }

        _optimizer.Dispose();
        _parameters.Dispose();
    }

    private void Backward((PackedBattle Packed, Winner Winner)[] micro, int rowsOfStep, Tensor lossOfStep)
    {
        using var scope = NewDisposeScope();
        using var batch = _packer.Batch([.. micro.Select(row => row.Packed)], _model.Device);
        var winnersB = tensor(micro.Select(row => (long)row.Winner).ToArray(), device: _model.Device);
        var logitsBC = _model.Logits(batch, _mode);
        var loss = nn.functional.cross_entropy(logitsBC, winnersB, reduction: nn.Reduction.Sum) / rowsOfStep;
        loss.backward();
        lossOfStep.add_(loss.detach());
        Tokens += batch.RealTokens;
    }

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
