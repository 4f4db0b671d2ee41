namespace LoraArena.Tokenizers.Normalizers;

/// <summary>Normalizers one after the other.</summary>
/// <param name="normalizers">In order.</param>
internal sealed class NormalizerSequence(AlignedNormalizer[] normalizers) : AlignedNormalizer
{
    /// <inheritdoc/>
    public override void Apply(AlignedText text)
    {
        foreach (var normalizer in normalizers) normalizer.Apply(text);
    }
}
