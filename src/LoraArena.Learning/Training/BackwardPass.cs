using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Training;

// B sequences, T tokens, D width, C classes.

/// <summary>
/// Forward and backward pass of one micro-batch. With recomputation, blocks run without gradients first and only what goes from one to the next
/// is kept; then, from the last, each is computed again with the same randomness and its backward pass follows at once, without the product that only
/// its output would need. The last blocks are not computed twice: their memory is in use before the first block's would be.
/// </summary>
internal static class BackwardPass
{
    /// <summary>Of a model's blocks, how many are computed twice with recomputation: the first.</summary>
    public static int Recomputed(Backbone backbone, int blocks) => blocks - Math.Max(1, blocks / backbone.KeepsOneIn);

    /// <summary>Adds the gradients of Σ loss(logits) to the trained weights.</summary>
    /// <param name="model">The model.</param>
    /// <param name="batch">The rows.</param>
    /// <param name="mode">How the pass is made.</param>
    /// <param name="recompute">True to keep less and compute more.</param>
    /// <param name="lossOf">Scores [B, C] → a loss of one number.</param>
    /// <returns>The loss, detached.</returns>
    public static Tensor Run(PreferenceModel model, TokenBatch batch, ForwardMode mode, bool recompute, Func<Tensor, Tensor> lossOf)
    {
        using var scope = NewDisposeScope();
        using var widened = recompute ? model.Widened(batch) : null;
        if (recompute && model.Backbone.Cut(widened ?? batch, mode) is { } pass) return InPieces(model, pass, mode, lossOf).MoveToOuterDisposeScope();
        var loss = lossOf(model.Logits(batch, mode));
        Backward(loss);
        return loss.detach().MoveToOuterDisposeScope();
    }

    private static Tensor InPieces(PreferenceModel model, ForwardPass pass, ForwardMode mode, Func<Tensor, Tensor> lossOf)
    {
        using var scope = NewDisposeScope();
        var embedded = pass.Embed();
        var trainsEmbeddings = embedded.requires_grad;
        var first = Recomputed(model.Backbone, pass.Blocks);
        var inputs = new List<Tensor> { embedded.detach() };
        if (trainsEmbeddings) embedded.Dispose();
        using (no_grad())
        {
            for (var i = 0; i < first; i++) inputs.Add(pass.Block(i, inputs[i]));
        }

        var (loss, gradient) = Last(model, pass, mode, first, inputs[first], first > 0 || trainsEmbeddings, lossOf);
        for (var i = first - 1; i >= 0; i--) gradient = Again(pass, i, inputs, gradient, i > 0 || trainsEmbeddings);
        if (trainsEmbeddings && gradient is not null) Backward(pass.Embed(), gradient);
        return loss.MoveToOuterDisposeScope();
    }

    private static (Tensor Loss, Tensor? Gradient) Last(
        PreferenceModel model, ForwardPass pass, ForwardMode mode, int first, Tensor input, bool needsGradient, Func<Tensor, Tensor> lossOf)
    {
        using var scope = NewDisposeScope();
        var leaf = input.detach().requires_grad_(needsGradient);
        var x = leaf;
        for (var i = first; i < pass.Blocks; i++) x = pass.Block(i, x);
        var loss = lossOf(model.ScorePooled(pass.Finish(x), mode));
        Backward(loss);
        return (loss.detach().MoveToOuterDisposeScope(), Taken(leaf));
    }

    private static Tensor? Again(ForwardPass pass, int block, List<Tensor> inputs, Tensor? gradient, bool needsGradient)
    {
        if (gradient is null) return null;
        using var scope = NewDisposeScope();
        inputs[block + 1].Dispose();
        var leaf = inputs[block].detach().requires_grad_(needsGradient);
        var y = pass.Block(block, leaf, outputUnused: true);
        if (y.requires_grad) Backward(y, gradient);
        gradient.Dispose();
        return Taken(leaf);
    }

    private static Tensor? Taken(Tensor leaf) => leaf.requires_grad ? leaf.grad?.MoveToOuterDisposeScope() : null;

    private static void Backward(Tensor y, Tensor? gradient = null)
    {
        if (gradient is null) y.backward();
        else y.backward([gradient]);
        BackwardCall.Check();
    }
}
