namespace LoraArena.Tokenizers.Decoders;

/// <summary>Decoders one after the other.</summary>
/// <param name="decoders">In order.</param>
internal sealed class DecoderSequence(TokenDecoder[] decoders) : TokenDecoder
{
    /// <inheritdoc/>
    public override List<string> Change(List<string> tokens)
    {
        foreach (var decoder in decoders) tokens = decoder.Change(tokens);
        return tokens;
    }
}
