using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models;

/// <summary>A transformer without a head. B sequences, T tokens, D width.</summary>
public abstract class Backbone
{
    /// <summary>The last layer's output for every token, [B, T, D], as Hugging Face's <c>last_hidden_state</c>.</summary>
    public abstract Tensor HiddenStates(TokenBatch batch, ForwardMode mode);

    /// <summary>What a classification head looks at, [B, D]; the last layer computes no other token.</summary>
    public abstract Tensor Pooled(TokenBatch batch, ForwardMode mode);

    /// <summary>What training its blocks takes, block by block; empty where that is not known.</summary>
    public virtual IReadOnlyList<BlockMemory> Blocks => [];

    /// <summary>
    /// With recomputation, one block in so many keeps what it computed: what is made again should cost about a third of a step at most, of which
    /// the forward pass is half.
    /// </summary>
    public virtual int KeepsOneIn => 3;

    /// <summary>
    /// <see cref="Pooled"/> cut into its blocks, so that a training can compute a block again instead of keeping what it computed; null where the
    /// model cannot be cut. What it makes for all blocks (masks, angles) belongs to the caller's dispose scope.
    /// </summary>
    public virtual ForwardPass? Cut(TokenBatch batch, ForwardMode mode) => null;
}

/// <summary>A forward pass in pieces: embeddings, then block after block, then what the head looks at. Each piece starts its own randomness.</summary>
/// <param name="mode">How the pass is made.</param>
/// <param name="embed">Embeddings, [B, T, D].</param>
/// <param name="blocks">
/// The blocks, [B, T, D] → [B, T, D]; the last may give one token. Where the second argument is true, nobody looks at the numbers that come out.
/// </param>
/// <param name="finish">[B, T, D] → [B, D].</param>
public sealed class ForwardPass(ForwardMode mode, Func<Tensor> embed, IReadOnlyList<Func<Tensor, bool, Tensor>> blocks, Func<Tensor, Tensor> finish)
{
    /// <summary>Number of blocks.</summary>
    public int Blocks => blocks.Count;

    /// <summary>Embeddings, [B, T, D].</summary>
    public Tensor Embed()
    {
        mode.Random?.Begin(-1);
        return embed();
    }

    /// <summary>One block.</summary>
    /// <param name="index">Its number, from 0.</param>
    /// <param name="x">What goes in, [B, T, D].</param>
    /// <param name="outputUnused">True where the block is made again for its gradients alone: what comes out has the right shape, and any numbers.</param>
    public Tensor Block(int index, Tensor x, bool outputUnused = false)
    {
        mode.Random?.Begin(index);
        return blocks[index](x, outputUnused);
    }

    /// <summary>What the head looks at, [B, D].</summary>
    public Tensor Finish(Tensor x)
    {
        mode.Random?.Begin(blocks.Count);
        return finish(x);
    }

    /// <summary>All pieces in order, [B, D].</summary>
    public Tensor Run()
    {
        using var scope = NewDisposeScope();
        var x = Embed();
        for (var i = 0; i < Blocks; i++) x = Block(i, x);
        return Finish(x).MoveToOuterDisposeScope();
    }
}
