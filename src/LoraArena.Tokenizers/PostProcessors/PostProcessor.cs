namespace LoraArena.Tokenizers.PostProcessors;

/// <summary>What happens to a sequence after the model: tokens round it, and offsets without the white space that tokens carry.</summary>
internal abstract class PostProcessor
{
    /// <summary>The sequence with the tokens that the file puts round it.</summary>
    public virtual IReadOnlyList<int> Surround(IReadOnlyList<int> ids) => ids;

    /// <summary>Narrows the offsets of a token; without tokens round the sequence.</summary>
    /// <param name="index">Its number in the sequence.</param>
    /// <param name="token">Its text in the model's alphabet.</param>
    /// <param name="original">The whole original text.</param>
    /// <param name="start">Where it begins in the original.</param>
    /// <param name="end">Where it ends in the original.</param>
    public virtual void Trim(int index, ReadOnlySpan<char> token, ReadOnlySpan<char> original, ref int start, ref int end)
    {
    }
}
