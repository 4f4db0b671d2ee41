using LoraArena.Tokenizers.Unicode;
using Microsoft.ML.Tokenizers;

namespace LoraArena.Tokenizers.Normalizers;

/// <summary>A normalizer that keeps track of where each character came from. Immutable, so any number of threads may use one.</summary>
internal abstract class AlignedNormalizer : Normalizer
{
    /// <summary>Rewrites the text.</summary>
    public abstract void Apply(AlignedText text);

    /// <inheritdoc/>
    public sealed override string Normalize(string original) => Normalize(original.AsSpan());

    /// <inheritdoc/>
    public sealed override string Normalize(ReadOnlySpan<char> original)
    {
        char[] repaired = [];
        var text = new AlignedText();
        text.Load(WellFormed.Repair(original, ref repaired), 0, tracks: false);
        Apply(text);
        return new string(text.Chars);
    }
}
