using LoraArena.Tokenizers.Unicode;
using Microsoft.ML.Tokenizers;

namespace LoraArena.Tokenizers.PreTokenizers;

/// <summary>A pre-tokenizer: cuts the pieces of a text into smaller ones. Immutable, so any number of threads may use one.</summary>
internal abstract class PieceSplitter : PreTokenizer
{
    /// <summary>True where the splitting depends on where a piece stands in the original, so that the text has to keep its alignment.</summary>
    public virtual bool NeedsPlaces => false;

    /// <summary>Cuts every piece of plain text.</summary>
    public abstract void Split(PiecedText text);

    /// <inheritdoc/>
    public sealed override IEnumerable<(int Offset, int Length)> PreTokenize(string text) => PreTokenize(text.AsSpan());

    /// <inheritdoc/>
    public sealed override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text)
    {
        char[] repaired = [];
        var pieced = new PiecedText();
        pieced.Text.Load(WellFormed.Repair(text, ref repaired), 0, tracks: true);
        pieced.StartWhole();
        Split(pieced);
        return pieced.Pieces.ConvertAll(piece =>
        {
            var start = pieced.Text.StartOf(piece.Start);
            return (start, pieced.Text.EndOf(piece.End - 1) - start);
        });
    }
}
