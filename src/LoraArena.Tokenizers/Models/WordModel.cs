namespace LoraArena.Tokenizers.Models;

/// <summary>A model: turns a word, which a pre-tokenizer cut out, into tokens. Any number of threads may use one.</summary>
internal abstract class WordModel(Vocabulary vocabulary)
{
    private readonly WordCache _cache = new();

    /// <summary>The tokens it knows.</summary>
    public Vocabulary Vocabulary { get; } = vocabulary;

    /// <summary>The token for what it does not know; null where it has none.</summary>
    public abstract int? UnknownId { get; }

    /// <summary>Where a word may be cut without changing its tokens; null where it is taken whole.</summary>
    public virtual MergeBoundaries? Boundaries => null;

    /// <summary>The tokens of a word.</summary>
    /// <param name="word">The word: not empty, without unpaired surrogates.</param>
    public EncodedWord Encode(ReadOnlySpan<char> word)
    {
        if (word.Length > WordCache.LongestWord) return Encode(word, "");
        if (_cache.Find(word) is { } known) return known;
        var encoded = Encode(word, word.ToString());
        _cache.Keep(encoded);
        return encoded;
    }

    /// <summary>Works out the tokens of a word.</summary>
    /// <param name="word">The word.</param>
    /// <param name="key">What <see cref="EncodedWord.Word"/> becomes.</param>
    protected abstract EncodedWord Encode(ReadOnlySpan<char> word, string key);
}
