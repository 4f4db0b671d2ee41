namespace LoraArena.Tokenizers.Decoders;

/// <summary>Turns tokens back into text.</summary>
internal abstract class TokenDecoder
{
    /// <summary>The text of tokens.</summary>
    public virtual string Decode(List<string> tokens) => string.Concat(Change(tokens));

    /// <summary>The parts of the text, which a decoder after this one may change again.</summary>
    /// <param name="tokens">The tokens, or what the decoder before this one made of them; may be changed.</param>
    public abstract List<string> Change(List<string> tokens);
}
