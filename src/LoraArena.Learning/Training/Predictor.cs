using LoraArena.Core.Battles;
using LoraArena.Core.Metrics;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Packing;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Training;

/// <summary>Predicts battles. Everything runs on the thread that calls.</summary>
/// <param name="model">The model.</param>
/// <param name="packer">How battles become sequences.</param>
/// <param name="swapAverage">Predict each battle in both orders and average, so that the order of the answers cannot matter.</param>
/// <param name="maxTokens">Padded tokens that go through the model at once; where memory is not enough for them, fewer do.</param>
public sealed class Predictor(PreferenceModel model, BattlePacker packer, bool swapAverage, int maxTokens)
{
    /// <summary>Share of the battles of the last call whose answer changed with the order of the answers; null where both orders were not predicted.</summary>
    public double? FlipRate { get; private set; }

    /// <summary>Called with the padded tokens of each micro-batch before it runs; tests make memory short here.</summary>
    public Action<long>? BeforeMicroBatch { get; set; }

    /// <summary>The outcomes of battles, in their order.</summary>
    /// <param name="battles">The battles.</param>
    /// <param name="shouldStop">Asked between batches; null asks nothing.</param>
    /// <exception cref="OperationCanceledException"><paramref name="shouldStop"/> said so.</exception>
    public IReadOnlyList<Prediction> Predict(IReadOnlyList<TokenizedBattle> battles, Func<bool>? shouldStop = null)
    {
        var first = Pass(battles, swap: false, shouldStop);
        var second = swapAverage ? Pass(battles, swap: true, shouldStop) : null;
        FlipRate = second is null || battles.Count == 0 ? null : Calibration.FlipRate(first, second);
        return [.. battles.Select((battle, i) =>
            new Prediction(battle.Id, second is null ? first[i] : Probabilities.Average(first[i], second[i].Swapped()), battle.Winner, battle.Group))];
    }

    private Probabilities[] Pass(IReadOnlyList<TokenizedBattle> battles, bool swap, Func<bool>? shouldStop)
    {
        var packed = battles.Select((battle, row) => (Row: row, Packed: packer.Pack(battle, swap))).ToList();
        var result = new Probabilities[battles.Count];
        foreach (var micro in EpochPlan.MicroBatches(packed, row => row.Packed.Length, maxTokens))
        {
            if (shouldStop?.Invoke() == true) throw new OperationCanceledException();
            Predict(micro, result);
        }

        return result;
    }

    private void Predict(ReadOnlySpan<(int Row, PackedBattle Packed)> micro, Probabilities[] result)
    {
        var rowsAtOnce = micro.Length;
        while (micro.Length > 0)
        {
            var part = micro[..Math.Min(rowsAtOnce, micro.Length)];
            try
            {
                PredictAtOnce(part, result);
                micro = micro[part.Length..];
            }
            catch (Exception error) when (OutOfMemory.Is(error) && part.Length > 1)
            {
                rowsAtOnce = part.Length / 2;
            }
        }
    }

    private void PredictAtOnce(ReadOnlySpan<(int Row, PackedBattle Packed)> micro, Probabilities[] result)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var packed = new PackedBattle[micro.Length];
        for (var i = 0; i < packed.Length; i++) packed[i] = micro[i].Packed;
        using var batch = packer.Batch(packed, model.Device);
        BeforeMicroBatch?.Invoke(batch.Count * batch.Length);
        var probabilities = nn.functional.softmax(model.Logits(batch, ForwardMode.Inference).to(ScalarType.Float64), -1).cpu().data<double>().ToArray();
        for (var i = 0; i < micro.Length; i++)
        {
            result[micro[i].Row] = new Probabilities(probabilities[3 * i], probabilities[(3 * i) + 1], probabilities[(3 * i) + 2]);
        }
    }
}
