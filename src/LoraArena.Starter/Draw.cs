using LoraArena.Core.Statistics;

namespace LoraArena.Starter;

/// <summary>Choices of the starter's texts.</summary>
internal static class Draw
{
    /// <summary>One of the items, each equally likely.</summary>
    public static T Pick<T>(this SeededRandom random, IReadOnlyList<T> items) => items[random.Next(items.Count)];

    /// <summary>Several of the items in random order, none twice.</summary>
    public static T[] PickSeveral<T>(this SeededRandom random, IReadOnlyList<T> items, int count)
    {
        T[] order = [.. items];
        random.Shuffle<T>(order);
        return order[..count];
    }

    /// <summary>An item other than <paramref name="known"/>.</summary>
    public static T PickOther<T>(this SeededRandom random, IReadOnlyList<T> items, T known)
    {
        while (true)
        {
            var item = random.Pick(items);
            if (!EqualityComparer<T>.Default.Equals(item, known)) return item;
        }
    }

    /// <summary>True with the given probability.</summary>
    public static bool Chance(this SeededRandom random, double probability) => random.NextDouble() < probability;

    /// <summary>A whole number from <paramref name="low"/> to <paramref name="high"/>, both included.</summary>
    public static int Between(this SeededRandom random, int low, int high) => low + random.Next(high - low + 1);

    /// <summary>The lines of a table, each cut at its bars.</summary>
    public static string[][] Table(string text) => [.. Lines(text).Select(line => line.Split('|'))];

    /// <summary>The lines of a list.</summary>
    public static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
