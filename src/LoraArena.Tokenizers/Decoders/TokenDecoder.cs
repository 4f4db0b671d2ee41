namespace LoraArena.Tokenizers.Decoders;

/// <summary>Turns tokens back into text.</summary>
internal abstract class TokenDecoder
{
    /// <summary>The text of tokens.</summary>
    public abstract string Decode(IReadOnlyList<string> tokens);
}
