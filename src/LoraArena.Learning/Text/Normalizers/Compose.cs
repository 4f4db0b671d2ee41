using System.Text;
using LoraArena.Learning.Text.Unicode;

namespace LoraArena.Learning.Text.Normalizers;

/// <summary>
/// NFC and NFKC: decomposition, then composition (Unicode, D117). As in Hugging Face a composed character stands for the first of the characters that went
/// into it.
/// </summary>
/// <param name="compatible">True for NFKC.</param>
internal sealed class Compose(bool compatible) : AlignedNormalizer
{
    // .NET's normalisation throws on it, though it is a valid code point.
    private const char RefusedByDotNet = '\uFFFE';

    /// <inheritdoc/>
    public override void Apply(AlignedText text)
    {
        var chars = text.Chars;
        if (!chars.Contains(RefusedByDotNet) && chars.IsNormalized(compatible ? NormalizationForm.FormKC : NormalizationForm.FormC)) return;
        var steps = new List<NormalizationStep>(chars.Length);
        for (int i = 0, units; i < chars.Length; i += units) NormalizationStep.Decompose(Characters.At(chars, i, out units), compatible, steps);
        NormalizationStep.SortMarks(steps);

        var used = 0;
        text.BeginRewrite();
        foreach (var step in Join(steps)) step.Write(text, ref used);
        text.EndRewrite();
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
