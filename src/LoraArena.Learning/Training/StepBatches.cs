using LoraArena.Core.Battles;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Packing;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Training;

// B battles of a micro-batch.

/// <summary>
/// The micro-batches of each step, as a function of seed and step alone. Those of the next step are packed, and sent to the device, on another
/// thread while a step runs.
/// </summary>
internal sealed class StepBatches : IDisposable
{
    private readonly BattlePacker _packer;
    private readonly IReadOnlyList<TokenizedBattle> _rows;
    private readonly IReadOnlyList<int> _lengths;
    private readonly TrainingOptions _options;
    private readonly Device _device;
    private IReadOnlyList<int[]> _batches = [];
    private long _batchesOfEpoch = -1;
    private (long Step, int MaxTokens, Task<IReadOnlyList<MicroBatch>> Made)? _next;

    public StepBatches(BattlePacker packer, IReadOnlyList<TokenizedBattle> rows, TrainingOptions options, Device device)
    {
        (_packer, _rows, _options, _device) = (packer, rows, options, device);
        _lengths = [.. rows.Select(row => packer.Pack(row, swap: false).Length)];
        StepsPerEpoch = EpochPlan.Steps(rows.Count, options.BatchSize);
    }

    /// <summary>Optimiser steps of an epoch.</summary>
    public long StepsPerEpoch { get; }

    /// <summary>True if the next step's are made on another thread while a step runs.</summary>
    public bool MakesAhead { get; set; } = true;

    /// <summary>Steps that it takes to train on so many real tokens, at least 1.</summary>
    public long StepsFor(long tokens)
    {
        var ofEpoch = _lengths.Sum(length => (long)length);
        var (epoch, left) = Math.DivRem(tokens, ofEpoch);
        var steps = epoch * StepsPerEpoch;
        foreach (var batch in left > 0 ? EpochPlan.Batches(_lengths, _options.BatchSize, _options.Seed, epoch) : [])
        {
            if (left <= 0) break;
            left -= batch.Sum(row => (long)_lengths[row]);
            steps++;
        }

        return Math.Max(1, steps);
    }

    /// <summary>The micro-batches of a step; the caller disposes them. Those of the step after it are begun.</summary>
    /// <param name="step">The step, from 0.</param>
    /// <param name="maxTokens">Padded tokens of a micro-batch.</param>
    public IReadOnlyList<MicroBatch> Take(long step, int maxTokens)
    {
        var taken = _next is { } next && (next.Step, next.MaxTokens) == (step, maxTokens) ? Finished(next.Made) : null;
        if (taken is null) Discard();
        _next = null;
        taken ??= Make(RowsOf(step), maxTokens);
        if (MakesAhead)
        {
            var rows = RowsOf(step + 1);
            _next = (step + 1, maxTokens, Task.Run(() => Make(rows, maxTokens)));
        }

        return taken;
    }

    /// <summary>The micro-batches of a step, made now.</summary>
    public IReadOnlyList<MicroBatch> MakeNow(long step, int maxTokens) => Make(RowsOf(step), maxTokens);

    /// <inheritdoc/>
    public void Dispose() => Discard();

    // Null where the other thread failed, for want of memory say: the step makes its own then, and what is wrong is found there.
    private static IReadOnlyList<MicroBatch>? Finished(Task<IReadOnlyList<MicroBatch>> made)
    {
        ((IAsyncResult)made).AsyncWaitHandle.WaitOne();
        _ = made.Exception;
        return made.IsCompletedSuccessfully ? made.GetAwaiter().GetResult() : null;
    }

    private void Discard()
    {
        if (_next is not { } next) return;
        _next = null;
        foreach (var micro in Finished(next.Made) ?? []) micro.Dispose();
    }

    private IReadOnlyList<MicroBatch> Make(IReadOnlyList<(int Row, bool Swap)> rows, int maxTokens)
        => [.. EpochPlan.MicroBatches(rows.Select(row => Pack(row.Row, row.Swap)), row => row.Packed.Length, maxTokens).Select(Make)];

    private MicroBatch Make((PackedBattle Packed, Winner Winner)[] rows)
    {
        using var scope = NewDisposeScope();
        var batch = _packer.Batch([.. rows.Select(row => row.Packed)], _device);
        var winnersB = TokenBatch.Upload(rows.Select(row => (long)row.Winner).ToArray(), [rows.Length], _device);
        return new MicroBatch(batch, winnersB.DetachFromDisposeScope());
    }

    private List<(int Row, bool Swap)> RowsOf(long step)
    {
        var epoch = step / StepsPerEpoch;
        if (_batchesOfEpoch != epoch) (_batches, _batchesOfEpoch) = (EpochPlan.Batches(_lengths, _options.BatchSize, _options.Seed, epoch), epoch);
        return [.. _batches[(int)(step % StepsPerEpoch)].Select(row => (row, _options.SwapInTraining && EpochPlan.Swaps(_options.Seed, epoch, row)))];
    }

    private (PackedBattle Packed, Winner Winner) Pack(int row, bool swap)
    {
        var winner = _rows[row].Winner ?? throw new InvalidOperationException($"Row {_rows[row].Id} has no winner to train on.");
        return (_packer.Pack(_rows[row], swap), swap ? winner.Swapped() : winner);
    }
}

/// <summary>Rows that go through the model at once.</summary>
/// <param name="Batch">Their tokens.</param>
/// <param name="WinnersB">Their outcomes, int64 [B].</param>
internal sealed record MicroBatch(TokenBatch Batch, Tensor WinnersB) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose()
    {
        Batch.Dispose();
        WinnersB.Dispose();
    }
}
