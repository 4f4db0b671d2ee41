using LoraArena.Learning.Models;

namespace LoraArena.Learning.Packing;

/// <summary>The tokens that stand round the parts of a battle.</summary>
/// <param name="Start">Before the prompt.</param>
/// <param name="BeforeA">Between the prompt and answer A.</param>
/// <param name="BeforeB">Between the answers.</param>
/// <param name="End">After answer B.</param>
/// <param name="BetweenTurns">Between the turns of one part.</param>
/// <param name="Cut">Where something was left out.</param>
/// <param name="Pad">Fills short rows of a batch.</param>
public sealed record PackingTemplate(
    IReadOnlyList<int> Start, IReadOnlyList<int> BeforeA, IReadOnlyList<int> BeforeB, IReadOnlyList<int> End, IReadOnlyList<int> BetweenTurns, IReadOnlyList<int> Cut,
    int Pad)
{
    /// <summary>Tokens that a packed battle has whatever its texts.</summary>
    public int Overhead => Start.Count + BeforeA.Count + BeforeB.Count + End.Count;
}
