using LoraArena.Core.Battles;

namespace LoraArena.Learning.Packing;

/// <summary>A battle as tokens, turn by turn, without special tokens.</summary>
/// <param name="Id">The battle's id.</param>
/// <param name="Prompts">Tokens of the user's turns.</param>
/// <param name="A">Tokens of A's answers.</param>
/// <param name="B">Tokens of B's answers.</param>
/// <param name="Winner">The label; null where it is not known.</param>
/// <param name="Group">The prompt group.</param>
public sealed record TokenizedBattle(string Id, IReadOnlyList<int[]> Prompts, IReadOnlyList<int[]> A, IReadOnlyList<int[]> B, Winner? Winner, string Group);
