using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers.Normalizers;

/// <summary>
/// NFD and NFKD. The alignment is Hugging Face's: of a character's parts the first stands for it and the others follow the first; where sorting moves marks,
/// the original characters are used up in order.
/// </summary>
/// <param name="compatible">True for NFKD.</param>
internal sealed class Decompose(bool compatible) : AlignedNormalizer
{
    // Below it nothing decomposes and nothing is a mark.
    private const char FirstWithWork = '\u00A0';

    /// <inheritdoc/>
    public override void Apply(AlignedText text)
    {
        var chars = text.Chars;
        if (chars.IndexOfAnyExceptInRange('\0', (char)(FirstWithWork - 1)) < 0) return;
        var steps = new List<NormalizationStep>();
        var used = 0;
        text.BeginRewrite();
        for (var i = 0; i < chars.Length;)
        {
            if (steps.Count == 0 && chars[i] < FirstWithWork)
            {
                var run = chars[i..].IndexOfAnyExceptInRange('\0', (char)(FirstWithWork - 1));
                if (run < 0) run = chars.Length - i;
                text.Keep(i, run);
                i += run;
                used = i;
                continue;
            }

            var codePoint = Characters.At(chars, i, out var units);
            if (steps.Count > 0 && NormalizationStep.StartsAfresh(codePoint, compatible)) Flush(text, steps, ref used);
            NormalizationStep.Decompose(codePoint, compatible, steps);
            i += units;
        }

        Flush(text, steps, ref used);
        text.EndRewrite();
    }

    private static void Flush(AlignedText text, List<NormalizationStep> steps, ref int used)
    {
        NormalizationStep.SortMarks(steps);
        foreach (var step in steps) step.Write(text, ref used);
        steps.Clear();
    }
}
