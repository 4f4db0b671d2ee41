using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models.Shared;

// B sequences, T tokens, D width, P virtual tokens.

/// <summary>The table of token embeddings, with a slot for virtual tokens.</summary>
/// <param name="table">One row a token of the vocabulary, [V, D].</param>
public sealed class TokenEmbedding(Weight table)
{
    /// <summary>One row a token of the vocabulary, [V, D].</summary>
    public Weight Table { get; } = table;

    /// <summary>What stands at some places of every sequence instead of the token whose id is there; null for nothing.</summary>
    public VirtualTokens? Virtual { get; set; }

    /// <summary>Ids [B, T] → [B, T, D]. Where there are virtual tokens, the ids have places for them: <see cref="TokenBatch.WithVirtualTokens"/>.</summary>
    public Tensor Forward(Tensor idsBT)
    {
        using var scope = NewDisposeScope();
        var (batch, tokens) = (idsBT.shape[0], idsBT.shape[1]);
        if (Virtual is not { } extra) return Rows(idsBT).MoveToOuterDisposeScope();
        var (first, count) = (extra.Position, extra.Count);
        var rowsBPD = extra.Rows.Value.to(Table.Value.dtype).unsqueeze(0).expand(batch, count, -1);
        var after = Rows(idsBT.narrow(1, first + count, tokens - first - count));
        return (first == 0 ? cat([rowsBPD, after], 1) : cat([Rows(idsBT.narrow(1, 0, first)), rowsBPD, after], 1)).MoveToOuterDisposeScope();
    }

    private Tensor Rows(Tensor idsBT) => Table.Value.index_select(0, idsBT.reshape(-1)).view(idsBT.shape[0], idsBT.shape[1], -1);
}
