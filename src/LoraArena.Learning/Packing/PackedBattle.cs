namespace LoraArena.Learning.Packing;

/// <summary>A battle as one sequence of tokens.</summary>
/// <param name="Ids">The tokens.</param>
/// <param name="StartOfB">Where answer B begins: from there on, models that know segments are told the second one.</param>
public sealed record PackedBattle(int[] Ids, int StartOfB)
{
    /// <summary>Tokens.</summary>
    public int Length => Ids.Length;
}
