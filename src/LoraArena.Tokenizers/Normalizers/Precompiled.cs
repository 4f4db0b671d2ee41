using System.Text;
using LoraArena.Tokenizers.Files;
using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers.Normalizers;

/// <summary>
/// SentencePiece's normalizer with its compiled table of replacements, in Hugging Face's way: a grapheme cluster of less than six bytes is
/// replaced as a whole by
/// what stands for its beginning, any other character by character.
/// </summary>
internal sealed class Precompiled : AlignedNormalizer
{
    private const int ShortCluster = 6;

    // Below it every character is a grapheme cluster, but for a line end of two, and is looked up in a table.
    private const int SmallCharacters = 0x300;

    private readonly CharacterMap _map;
    private readonly string?[] _small;

    private Precompiled(CharacterMap map)
    {
        _map = map;
        _small = [.. Enumerable.Range(0, SmallCharacters).Select(c => Find([(char)c]))];
    }

    /// <summary>Reads the normalizer's part of a tokenizer.json.</summary>
    public static Precompiled Read(JsonPart part) => new(CharacterMap.Read(part["precompiled_charsmap"]));

    /// <inheritdoc/>
    public override void Apply(AlignedText text)
    {
        var chars = text.Chars;
        if (NothingChanges(chars)) return;
        var steps = new List<NormalizationStep>(chars.Length + 16);
        var changed = false;
        for (var i = 0; i < chars.Length;)
        {
            var c = chars[i];
            var alone = c < SmallCharacters && (i + 1 == chars.Length || (chars[i + 1] < SmallCharacters && (c, chars[i + 1]) is not ('\r', '\n')));
            var length = alone ? 1 : GraphemeClusters.LengthAt(chars, i);
            if (alone) changed |= AddCharacter(chars.Slice(i, 1), c, steps);
            else changed |= AddCluster(chars.Slice(i, length), steps);
            i += length;
        }

        if (!changed) return;
        var used = 0;
        text.BeginRewrite();
        foreach (var step in steps) step.Write(text, ref used);
        text.EndRewrite();
    }

    private bool NothingChanges(ReadOnlySpan<char> chars)
    {
        for (var i = 0; i < chars.Length; i++)
        {
            if (chars[i] >= SmallCharacters || chars[i] == '\r' || _small[chars[i]] is not null) return false;
        }

        return true;
    }

    private bool AddCluster(ReadOnlySpan<char> cluster, List<NormalizationStep> steps)
    {
        if (Encoding.UTF8.GetByteCount(cluster) < ShortCluster && Find(cluster) is { } whole)
        {
            Replace(CodePoints(cluster), whole, steps);
            return true;
        }

        var changed = false;
        for (int i = 0, units; i < cluster.Length; i += units)
        {
            var codePoint = Characters.At(cluster, i, out units);
            changed |= AddCharacter(cluster.Slice(i, units), codePoint, steps);
        }

        return changed;
    }

    private bool AddCharacter(ReadOnlySpan<char> character, int codePoint, List<NormalizationStep> steps)
    {
        var found = codePoint < SmallCharacters ? _small[codePoint] : Find(character);
        if (found is null)
        {
            steps.Add(new NormalizationStep(codePoint, 0, 0));
            return false;
        }

        Replace(1, found, steps);
        return true;
    }

    // Where more comes out, the last characters count as added; where less, the last one stands for the rest too, even if that was there before.
    private static void Replace(int removed, string text, List<NormalizationStep> steps)
    {
        foreach (var rune in text.EnumerateRunes()) steps.Add(new NormalizationStep(rune.Value, 0, 0));
        var difference = CodePoints(text) - removed;
        for (var i = 0; i < difference; i++) steps[steps.Count - 1 - i] = steps[steps.Count - 1 - i] with { Change = 1 };
        if (difference < 0 && steps.Count > 0) steps[^1] = steps[^1] with { Change = steps[^1].Change + difference };
    }

    private static int CodePoints(ReadOnlySpan<char> text)
    {
        var count = 0;
        foreach (var _ in text.EnumerateRunes()) count++;
        return count;
    }

    private string? Find(ReadOnlySpan<char> text)
    {
        Span<byte> bytes = stackalloc byte[ShortCluster];
        return _map.Find(bytes[..Encoding.UTF8.GetBytes(text, bytes)]);
    }
}
