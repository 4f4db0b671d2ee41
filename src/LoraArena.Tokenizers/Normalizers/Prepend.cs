using LoraArena.Tokenizers.Files;

namespace LoraArena.Tokenizers.Normalizers;

/// <summary>Puts a text before every text that is not empty; it stands for the first character.</summary>
/// <param name="prefix">The text.</param>
internal sealed class Prepend(string prefix) : AlignedNormalizer
{
    /// <summary>Reads the normalizer's part of a tokenizer.json.</summary>
    public static Prepend Read(JsonPart part) => new(part["prepend"].Text());

    /// <inheritdoc/>
    public override void Apply(AlignedText text)
    {
        if (text.Chars.IsEmpty || prefix.Length == 0) return;
        var length = text.Chars.Length;
        text.BeginRewrite();
        text.Write(prefix, 0);
        text.Keep(0, length);
        text.EndRewrite();
    }
}
