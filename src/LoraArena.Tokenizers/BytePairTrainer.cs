using LoraArena.Tokenizers.Models;
using LoraArena.Tokenizers.PreTokenizers.Patterns;
using LoraArena.Tokenizers.Trainer;
using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers;

/// <summary>
/// Makes a byte-level BPE tokenizer from texts: GPT-2's splitting, no normalizer, <c>[CLS] text [SEP]</c>. The merges are those that Hugging Face's BpeTrainer
/// learns from the same texts with ByteLevel's whole alphabet.
/// </summary>
public static class BytePairTrainer
{
    /// <summary>The special tokens that every trained tokenizer has, in the order of their ids from 0.</summary>
    public static IReadOnlyList<string> SpecialTokens { get; } = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

    /// <summary>Smallest vocabulary: the special tokens and one token for each byte.</summary>
    public static int SmallestVocabulary { get; } = SpecialTokens.Count + 256;

    /// <summary>Learns a tokenizer and writes tokenizer.json, tokenizer_config.json and special_tokens_map.json.</summary>
    /// <param name="texts">The texts, read once; memory grows with the number of different words.</param>
    /// <param name="vocabularySize">Tokens wanted, special ones included; fewer come out where the texts hold no more pairs.</param>
    /// <param name="folder">Where the files go; made if it is not there.</param>
    /// <param name="moreSpecialTokens">Special tokens after <see cref="SpecialTokens"/>.</param>
    /// <param name="cancellation">Ends the training between two merges; nothing is written then.</param>
    /// <exception cref="ArgumentException">The vocabulary is too small or too large, or a special token is empty or there twice.</exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public static void Train(
        IEnumerable<string> texts, int vocabularySize, string folder, IReadOnlyList<string>? moreSpecialTokens = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        string[] special = [.. SpecialTokens, .. moreSpecialTokens ?? []];
        if (special.Any(string.IsNullOrEmpty) || special.Distinct(StringComparer.Ordinal).Count() < special.Length)
        {
            throw new ArgumentException("A special token is empty or there twice.", nameof(moreSpecialTokens));
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(vocabularySize, special.Length + 256);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(vocabularySize, Vocabulary.MaxTokens);
        var learner = new MergeLearner(special, CountWords(texts, cancellation));
        learner.Learn(vocabularySize, cancellation);
        TrainedTokenizerFiles.Write(folder, special, learner.Tokens, learner.Merges);
    }

    private static Dictionary<string, long> CountWords(IEnumerable<string> texts, CancellationToken cancellation)
    {
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        var bySpan = counts.GetAlternateLookup<ReadOnlySpan<char>>();
        var pattern = new Gpt2Pattern();
        var words = new List<TextSpan>();
        char[] repaired = [];
        foreach (var text in texts)
        {
            cancellation.ThrowIfCancellationRequested();
            var whole = WellFormed.Repair(text, ref repaired);
            words.Clear();
            pattern.FindMatches(whole, words);
            foreach (var word in words)
            {
                var span = whole.Slice(word.Start, word.Length);
                bySpan[span] = bySpan.TryGetValue(span, out var count) ? count + 1 : 1;
            }
        }

        return counts;
    }
}
