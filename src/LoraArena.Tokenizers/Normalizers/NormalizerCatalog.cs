using LoraArena.Tokenizers.Files;
using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers.Normalizers;

/// <summary>The normalizers by the type names of tokenizer.json.</summary>
internal static class NormalizerCatalog
{
    private static readonly Dictionary<string, Func<JsonPart, AlignedNormalizer>> Readers = new(StringComparer.Ordinal)
    {
        ["BertNormalizer"] = BertNormalizer.Read,
        ["ByteLevel"] = _ => new ToByteAlphabet(),
        ["Lowercase"] = _ => new Lowercase(),
        ["NFC"] = _ => new Compose(compatible: false),
        ["NFD"] = _ => new Decompose(compatible: false),
        ["NFKC"] = _ => new Compose(compatible: true),
        ["NFKD"] = _ => new Decompose(compatible: true),
        ["Nmt"] = _ => new Nmt(),
        ["Precompiled"] = Precompiled.Read,
        ["Prepend"] = Prepend.Read,
        ["Replace"] = Replace.Read,
        ["Sequence"] = part => new NormalizerSequence([.. part["normalizers"].Items().Select(Read)]),
        ["Strip"] = Strip.Read,
        ["StripAccents"] = _ => new RemoveMarks(),
    };

    /// <summary>Reads a normalizer.</summary>
    /// <exception cref="TokenizerException">The type is not known, a field is missing, or this process cannot normalise.</exception>
    public static AlignedNormalizer Read(JsonPart part)
    {
        if (!Decompositions.Work)
        {
            throw part.Problem("Unicode normalisation does not work in this process, so accents would come out wrong: install libicu (on Debian: apt-get install libicu72) or unset DOTNET_SYSTEM_GLOBALIZATION_INVARIANT");
        }

        return part.ReadByType("normalizer", Readers);
    }
}
