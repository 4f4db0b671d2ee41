namespace LoraArena.Tokenizers.Decoders;

/// <summary>What Hugging Face does where a file has no decoder: tokens with spaces between them.</summary>
internal sealed class SpaceJoinedDecoder : TokenDecoder
{
    /// <inheritdoc/>
    public override List<string> Change(List<string> tokens) => [string.Join(' ', tokens)];
}
