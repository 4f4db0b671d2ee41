using LoraArena.Learning.Models;
using LoraArena.Learning.Packing;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Peft;

/// <summary>How far the logits of an exported model are from those of the run.</summary>
/// <param name="Rows">Rows that were compared.</param>
/// <param name="MaxAbsolute">Largest difference of a logit.</param>
/// <param name="Relative">Norm of all differences over the norm of all logits.</param>
public sealed record LogitError(int Rows, double MaxAbsolute, double Relative)
{
    /// <summary>Compares two sets of logits of the same rows.</summary>
    public static LogitError Between(Tensor run, Tensor exported)
    {
        using var scope = NewDisposeScope();
        var difference = exported - run;
        return new LogitError(
            (int)run.shape[0], difference.abs().max().ToDouble(),
            difference.norm().ToDouble() / Math.Max(run.norm().ToDouble(), double.Epsilon));
    }

    /// <summary>The logits of battles, fp64 [rows, 3] on the CPU, in their order.</summary>
    /// <param name="model">The model.</param>
    /// <param name="packer">How battles become sequences.</param>
    /// <param name="battles">The battles.</param>
    /// <param name="maxTokens">Padded tokens that go through the model at once.</param>
    public static Tensor Logits(PreferenceModel model, BattlePacker packer, IReadOnlyList<TokenizedBattle> battles, int maxTokens)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var rows = new Tensor[battles.Count];
        var packed = battles.Select((battle, row) => (Row: row, Packed: packer.Pack(battle, swap: false)));
        foreach (var micro in EpochPlan.MicroBatches(packed, row => row.Packed.Length, maxTokens))
        {
            using var batch = packer.Batch([.. micro.Select(row => row.Packed)], model.Device);
            var logits = model.Logits(batch, ForwardMode.Inference).to(ScalarType.Float64).cpu();
            for (var i = 0; i < micro.Length; i++) rows[micro[i].Row] = logits[i];
        }

        return stack(rows).MoveToOuterDisposeScope();
    }
}
