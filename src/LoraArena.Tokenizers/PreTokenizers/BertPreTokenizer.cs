using LoraArena.Tokenizers.PreTokenizers.Patterns;
using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers.PreTokenizers;

/// <summary>BERT's pre-tokenizer: white space is removed, each punctuation character is a piece.</summary>
internal sealed class BertPreTokenizer : PieceSplitter
{
    private static readonly WordsAndPunctuation Pattern = new();

    /// <inheritdoc/>
    public override void Split(PiecedText text) => text.SplitEach(Pattern, SplitBehavior.Removed, invert: true);

    // What is kept, in one pass: single punctuation characters and the runs between them and white space.
    private sealed class WordsAndPunctuation : TextPattern
    {
        public override void FindMatches(ReadOnlySpan<char> text, List<TextSpan> matches)
        {
            var word = 0;
            for (int i = 0, units; i < text.Length; i += units)
            {
                var traits = Characters.TraitsOf(Characters.At(text, i, out units));
                if ((traits & (CharacterTraits.Space | CharacterTraits.Punctuation)) == 0) continue;
                if (i > word) matches.Add(new TextSpan(word, i - word));
                if ((traits & CharacterTraits.Punctuation) != 0) matches.Add(new TextSpan(i, units));
                word = i + units;
            }

            if (text.Length > word) matches.Add(new TextSpan(word, text.Length - word));
        }
    }
}
