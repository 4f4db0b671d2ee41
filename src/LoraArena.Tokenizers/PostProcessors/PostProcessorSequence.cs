namespace LoraArena.Tokenizers.PostProcessors;

/// <summary>Post-processors one after the other; none at all leave everything as it is.</summary>
/// <param name="processors">In order.</param>
internal sealed class PostProcessorSequence(PostProcessor[] processors) : PostProcessor
{
    /// <inheritdoc/>
    public override IReadOnlyList<int> Surround(IReadOnlyList<int> ids)
    {
        foreach (var processor in processors) ids = processor.Surround(ids);
        return ids;
    }

    /// <inheritdoc/>
    public override void Trim(int index, ReadOnlySpan<char> token, ReadOnlySpan<char> original, ref int start, ref int end)
    {
        foreach (var processor in processors) processor.Trim(index, token, original, ref start, ref end);
    }
}
