namespace LoraArena.Tokenizers.PreTokenizers;

/// <summary>A part of a text on its way to the model.</summary>
/// <param name="Start">Where it begins in the normalised text.</param>
/// <param name="Length">Its UTF-16 units.</param>
/// <param name="TokenId">The id where it is an added token, which nothing splits any more; else <see cref="NoToken"/>.</param>
internal readonly record struct Piece(int Start, int Length, int TokenId)
{
    /// <summary>Stands in <see cref="TokenId"/> for a piece of plain text.</summary>
    public const int NoToken = -1;

    /// <summary>Where it ends.</summary>
    public int End => Start + Length;
}
