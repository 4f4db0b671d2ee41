using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers.Normalizers;

/// <summary>One code point of a normalised text on its way out.</summary>
/// <param name="CodePoint">The code point.</param>
/// <param name="Class">Its combining class.</param>
/// <param name="Change">
/// 1 and more: added, it follows the character before it; 0: in the place of one original character; −n: of that and the n after it.
/// </param>
internal readonly record struct NormalizationStep(int CodePoint, int Class, int Change)
{
    /// <summary>True for a character that no mark before it can be sorted behind.</summary>
    public static bool StartsAfresh(int codePoint, bool compatible)
    {
        if (Characters.CombiningClass(codePoint) != 0) return false;
        return !Characters.Is(codePoint, Trait(compatible)) || Characters.CombiningClass(Decompositions.Of(compatible)[codePoint][0]) == 0;
    }

    /// <summary>Adds the parts of a code point.</summary>
    public static void Decompose(int codePoint, bool compatible, List<NormalizationStep> steps)
    {
        if (!Characters.Is(codePoint, Trait(compatible)))
        {
            steps.Add(new NormalizationStep(codePoint, Characters.CombiningClass(codePoint), 0));
            return;
        }

        var parts = Decompositions.Of(compatible)[codePoint];
        for (var i = 0; i < parts.Length; i++) steps.Add(new NormalizationStep(parts[i], Characters.CombiningClass(parts[i]), i == 0 ? 0 : 1));
    }

    /// <summary>Sorts each run of marks by class and leaves equal ones in order (the canonical ordering of Unicode, D109).</summary>
    public static void SortMarks(List<NormalizationStep> steps)
    {
        for (var start = 0; start < steps.Count; start++)
        {
            if (steps[start].Class == 0) continue;
            var end = start;
            var sorted = true;
            for (; end < steps.Count && steps[end].Class != 0; end++) sorted &= end == start || steps[end - 1].Class <= steps[end].Class;
            if (!sorted)
            {
                var run = steps.GetRange(start, end - start).OrderBy(step => step.Class).ToList();
                for (var i = 0; i < run.Count; i++) steps[start + i] = run[i];
            }

            start = end;
        }
    }

    /// <summary>Writes the code point and uses up the original characters that it replaces.</summary>
    /// <param name="text">The text that is rewritten.</param>
    /// <param name="used">Index of the first original character that is not used up.</param>
    public void Write(AlignedText text, ref int used)
    {
        if (Change > 0)
        {
            text.Write(CodePoint, used - 1);
            return;
        }

        text.Write(CodePoint, used);
        for (var i = 0; i <= -Change && used < text.Chars.Length; i++) used += char.IsHighSurrogate(text.Chars[used]) ? 2 : 1;
    }

    private static CharacterTraits Trait(bool compatible) => compatible ? CharacterTraits.DecomposesCompatibly : CharacterTraits.Decomposes;
}
