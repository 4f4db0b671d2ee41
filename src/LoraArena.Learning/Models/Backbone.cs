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
    /// <see cref="Pooled"/> cut into its blocks, so that a training can compute a block again instead of keeping what it computed; null where the
    /// model cannot be cut. What it makes for all blocks (masks, angles) belongs to the caller's dispose scope.
    /// </summary>
    public virtual ForwardPass? Cut(TokenBatch batch, ForwardMode mode) => null;
}

/// <summary>A forward pass in pieces: embeddings, then block after block, then what the head looks at. Each piece starts its own randomness.</summary>
/// <param name="mode">How the pass is made.</param>
/// <param name="embed">Embeddings, [B, T, D].</param>
/// <param name="blocks">The blocks, [B, T, D] → [B, T, D]; the last may give one token.</param>
/// <param name="finish">[B, T, D] → [B, D].</param>
public sealed class ForwardPass(ForwardMode mode, Func<Tensor> embed, IReadOnlyList<Func<Tensor, Tensor>> blocks, Func<Tensor, Tensor> finish)
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
    public Tensor Block(int index, Tensor x)
    {
        mode.Random?.Begin(index);
        return blocks[index](x);
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
