namespace LoraArena.Tokenizers.Decoders;

/// <summary>What Hugging Face does where a file has no decoder: tokens with spaces between them.</summary>
internal sealed class SpaceJoinedDecoder : TokenDecoder
{
    /// <inheritdoc/>
    public override string Decode(IReadOnlyList<string> tokens) => string.Join(' ', tokens);
}
