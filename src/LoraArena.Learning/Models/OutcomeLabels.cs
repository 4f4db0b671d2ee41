using LoraArena.Core.Battles;

namespace LoraArena.Learning.Models;

/// <summary>Recognises the outcomes of a battle among the labels of a model's config.json.</summary>
public static class OutcomeLabels
{
    private static readonly Dictionary<string, Winner> ByName = new(StringComparer.Ordinal)
    {
        ["a"] = Winner.ModelA,
        ["awins"] = Winner.ModelA,
        ["modela"] = Winner.ModelA,
        ["winnera"] = Winner.ModelA,
        ["winnermodela"] = Winner.ModelA,
        ["modelawins"] = Winner.ModelA,
        ["b"] = Winner.ModelB,
        ["bwins"] = Winner.ModelB,
        ["modelb"] = Winner.ModelB,
        ["winnerb"] = Winner.ModelB,
        ["winnermodelb"] = Winner.ModelB,
        ["modelbwins"] = Winner.ModelB,
        ["tie"] = Winner.Tie,
        ["winnertie"] = Winner.Tie,
        ["draw"] = Winner.Tie,
    };

    /// <summary>For each outcome in class order, the row of a head that stands for it; null where the labels do not name each outcome once.</summary>
    /// <param name="labels">Labels in the order of the head's rows; null where config.json has none.</param>
    public static IReadOnlyList<int>? Rows(IReadOnlyList<string>? labels)
    {
        if (labels?.Count != Winners.Count) return null;
        var rows = new int[Winners.Count];
        Array.Fill(rows, -1);
        for (var row = 0; row < labels.Count; row++)
        {
            var plain = string.Concat(labels[row].ToLowerInvariant().Where(char.IsAsciiLetterOrDigit));
            if (!ByName.TryGetValue(plain, out var winner) || rows[(int)winner] >= 0) return null;
            rows[(int)winner] = row;
        }

        return rows;
    }
}
