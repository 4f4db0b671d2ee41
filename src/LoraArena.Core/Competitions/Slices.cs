using LoraArena.Core.Battles;
using LoraArena.Core.Statistics;

namespace LoraArena.Core.Competitions;

/// <summary>A part of the rows, with the difference of two runs on it.</summary>
/// <param name="Kind">What rows are told apart by.</param>
/// <param name="Name">Which of them.</param>
/// <param name="Rows">How many there are.</param>
/// <param name="Difference">Mean log loss of the first run minus that of the second, with its 95 % interval over prompts.</param>
/// <param name="PAdjusted">Sign-flip p, adjusted by Holm for all slices that are shown.</param>
public sealed record Slice(string Kind, string Name, int Rows, Interval Difference, double PAdjusted);

/// <summary>Tells battles apart by what people suspect models of: language, turns, length, ties.</summary>
public static class Slices
{
    /// <summary>Rows below which a slice says nothing and is left out.</summary>
    public const int MinRows = 10;

    private const string Japanese = "Japanese";

    // Ranges of characters, the most frequent first.
    private static readonly (int First, int Last, string Script)[] Ranges =
    [
        ('a', 'z', "Latin letters"), ('A', 'Z', "Latin letters"), (0xC0, 0x24F, "Latin letters"), (0x370, 0x3FF, "Greek"), (0x400, 0x52F, "Cyrillic"),
        (0x590, 0x5FF, "Hebrew"), (0x600, 0x6FF, "Arabic"), (0x900, 0xDFF, "Indic"), (0xE00, 0xE7F, "Thai"), (0x3040, 0x30FF, Japanese),
        (0x4E00, 0x9FFF, "Chinese characters"), (0xAC00, 0xD7AF, "Korean"),
    ];

    /// <summary>The slices that a battle lies in.</summary>
    public static IEnumerable<(string Kind, string Name)> Of(Battle battle)
    {
        yield return ("language", Script(battle));
        yield return ("turns", battle.Prompts.Count switch { 1 => "1", 2 => "2", <= 4 => "3–4", _ => "5 and more" });
        yield return ("length gap", Gap(battle));
        if (battle.Winner is { } winner) yield return ("outcome", winner == Winner.Tie ? "tie" : "one answer won");
    }

    /// <summary>Two runs compared slice by slice.</summary>
    /// <param name="rows">The slices of each row, with the difference of the losses on it and its prompt group.</param>
    public static IReadOnlyList<Slice> Compare(IReadOnlyList<(IReadOnlyList<(string Kind, string Name)> Slices, double Difference, string Group)> rows)
    {
        var slices = rows.SelectMany(r => r.Slices.Select(s => (s.Kind, s.Name, r.Difference, r.Group)))
            .GroupBy(r => (r.Kind, r.Name))
            .Where(g => g.Count() >= MinRows)
            .ToList();
        var sums = slices.Select(g => GroupSums.Of([.. g.Select(r => r.Difference)], [.. g.Select(r => r.Group)])).ToList();
        var adjusted = Holm.Adjust([.. sums.Select(s => SignFlipTest.P(s.Totals))]);
        return [.. slices.Select((g, i) => new Slice(g.Key.Kind, g.Key.Name, sums[i].Rows, ClusterBootstrap.Mean(sums[i], seed: 0), adjusted[i]))
            .OrderBy(s => s.Kind, StringComparer.Ordinal)
            .ThenByDescending(s => s.Rows)];
    }

    // The script of the first prompt tells most languages apart without a model; Latin ones it does not.
    private static string Script(Battle battle)
    {
        Span<int> counts = stackalloc int[Ranges.Length];
        var text = (battle.Prompts.Count > 0 ? battle.Prompts[0] : null).AsSpan();

        // Most prompts begin with a long stretch of ASCII, if they have anything else at all: its letters are of the first range's script.
        var ascii = text.IndexOfAnyExceptInRange('\0', '\u007f');
        if (ascii < 0) ascii = text.Length;
        foreach (var c in text[..ascii])
        {
            if (char.IsAsciiLetter(c)) counts[0]++;
        }

        foreach (var rune in text[ascii..].EnumerateRunes())
        {
            for (var i = 0; i < Ranges.Length; i++)
            {
                if (rune.Value < Ranges[i].First || rune.Value > Ranges[i].Last) continue;
                counts[i]++;
                break;
            }
        }

        var scripts = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < Ranges.Length; i++)
        {
            if (counts[i] > 0) scripts[Ranges[i].Script] = scripts.GetValueOrDefault(Ranges[i].Script) + counts[i];
        }

        // Japanese is written with Chinese characters too.
        return scripts.Count == 0 ? "no letters" : scripts.ContainsKey(Japanese) ? Japanese : scripts.MaxBy(script => script.Value).Key;
    }

    private static string Gap(Battle battle)
    {
        var (a, b) = (battle.ResponsesA.Sum(r => r?.Length ?? 0), battle.ResponsesB.Sum(r => r?.Length ?? 0));
        var ratio = (Math.Max(a, b) + 1.0) / (Math.Min(a, b) + 1.0);
        return ratio < 1.25 ? "about the same length" : ratio < 2 ? "one up to twice as long" : "one more than twice as long";
    }
}
