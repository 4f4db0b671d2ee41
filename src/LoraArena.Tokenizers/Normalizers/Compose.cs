using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers.Normalizers;

/// <summary>
/// NFC and NFKC: decomposition, then composition (Unicode, D117). As in Hugging Face a composed character stands for the first of the characters that went
/// into it.
/// </summary>
/// <param name="compatible">True for NFKC.</param>
internal sealed class Compose(bool compatible) : AlignedNormalizer
{
    // Below it nothing changes.
    private const char FirstWithWork = '\u00A0';

    /// <inheritdoc/>
    public override void Apply(AlignedText text)
    {
        var chars = text.Chars;
        if (NothingChanges(chars)) return;
        var steps = new List<NormalizationStep>(chars.Length);
        for (int i = 0, units; i < chars.Length; i += units) NormalizationStep.Decompose(Characters.At(chars, i, out units), compatible, steps);
        NormalizationStep.SortMarks(steps);

        var used = 0;
        text.BeginRewrite();
        foreach (var step in Join(steps)) step.Write(text, ref used);
        text.EndRewrite();
    }

    private bool NothingChanges(ReadOnlySpan<char> chars)
    {
        for (int i = 0, units; i < chars.Length; i += units)
        {
            var next = chars[i..].IndexOfAnyExceptInRange('\0', (char)(FirstWithWork - 1));
            if (next < 0) return true;
            i += next;
            if (!Decompositions.IsLeftAlone(Characters.At(chars, i, out units), compatible)) return false;
        }

        return true;
    }

    private static List<NormalizationStep> Join(List<NormalizationStep> steps)
    {
        var joined = new List<NormalizationStep>(steps.Count);
        var starter = -1;
        var lastClass = -1;
        foreach (var step in steps)
        {
            // A mark joins its starter unless one of the same or a higher class stands between; a starter joins only the one directly before it.
            var whole = starter >= 0 && lastClass < step.Class ? Decompositions.Compose(joined[starter].CodePoint, step.CodePoint) : -1;
            if (whole >= 0)
            {
                joined[starter] = new NormalizationStep(whole, 0, joined[starter].Change + step.Change - 1);
                continue;
            }

            joined.Add(step);
            if (step.Class == 0) (starter, lastClass) = (joined.Count - 1, -1);
            else lastClass = step.Class;
        }

        return joined;
    }
}
