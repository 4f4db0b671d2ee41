using LoraArena.Learning.Models;

namespace LoraArena.Learning.Variants;

/// <summary>Rows that stand among the embedded tokens of every sequence as if they were tokens. P virtual tokens, D width.</summary>
/// <param name="Rows">The rows, [P, D].</param>
/// <param name="Position">Tokens of the sequence that stand before them: 0, or 1 to leave the first token (such as BERT's [CLS]) where it is.</param>
public sealed record VirtualTokens(Weight Rows, int Position)
{
    /// <summary>How many there are.</summary>
    public int Count => (int)Rows.Shape[0];
}
