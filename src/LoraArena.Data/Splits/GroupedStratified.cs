using LoraArena.Core.Battles;
using LoraArena.Core.Statistics;
using static System.FormattableString;

namespace LoraArena.Data.Splits;

/// <summary>
/// Draws splits that keep battles with the same prompt together and the shares of the three labels as equal as that allows.
/// Groups are dealt from the largest to the smallest, equals in random order, each to the part that lacks its labels most.
/// The same battles and seed give the same split on every machine.
/// </summary>
public static class GroupedStratified
{
    /// <summary>Holds out a share of the battles for validation.</summary>
    /// <param name="battles">Battles with winners.</param>
    /// <param name="share">Share that validates, above 0 and below 1.</param>
    /// <param name="seed">Names the random order.</param>
    /// <exception cref="SplitException">There are fewer than two different prompts.</exception>
    public static Split HoldOut(IEnumerable<Battle> battles, double share = 0.2, long seed = 0) => HoldOut(battles.Select(LabelledRow.Of), share, seed);

    /// <summary>Holds out a share of rows whose groups are known.</summary>
    /// <inheritdoc cref="HoldOut(IEnumerable{Battle}, double, long)"/>
    public static Split HoldOut(IEnumerable<LabelledRow> rows, double share = 0.2, long seed = 0)
    {
        if (share is not (> 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(share), share, "must lie between 0 and 1");
        var parts = Deal([.. rows], [1 - share, share], seed);
        return new Split(Invariant($"hold-out {share * 100:0.#} %"), SplitKind.HoldOut, seed, parts[0], parts[1], null);
    }

    /// <summary>Deals the battles into folds of about the same size.</summary>
    /// <param name="battles">Battles with winners.</param>
    /// <param name="count">Number of folds, at least 2.</param>
    /// <param name="seed">Names the random order.</param>
    /// <exception cref="SplitException">There are fewer different prompts than folds.</exception>
    public static Split Folds(IEnumerable<Battle> battles, int count, long seed = 0) => Folds(battles.Select(LabelledRow.Of), count, seed);

    /// <summary>Deals rows whose groups are known into folds of about the same size.</summary>
    /// <inheritdoc cref="Folds(IEnumerable{Battle}, int, long)"/>
    public static Split Folds(IEnumerable<LabelledRow> rows, int count, long seed = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 2);
        var parts = Deal([.. rows], [.. Enumerable.Repeat(1.0 / count, count)], seed);
        return new Split(Invariant($"{count} folds"), SplitKind.Folds, seed, null, null, parts);
    }

    private static List<string>[] Deal(List<LabelledRow> rows, double[] shares, long seed)
    {
        var groups = Enumerable.Range(0, rows.Count).GroupBy(place => rows[place].Group).Select(places => places.ToArray()).ToArray();
        if (groups.Length < shares.Length)
        {
            throw new SplitException(Invariant(
                $"the data has {groups.Length} different prompts; a split into {shares.Length} parts needs at least as many, because rows of one prompt stay together"));
        }

        new SeededRandom(seed, shares.Length).Shuffle<int[]>(groups);
        var totals = Labels(rows, Enumerable.Range(0, rows.Count));
        var targets = shares.Select(share => totals.Select(total => share * total).ToArray()).ToArray();
        var filled = shares.Select(_ => new double[Winners.Count]).ToArray();
        var partOf = new int[rows.Count];
        var empty = shares.Length;
        var left = groups.Length;
        foreach (var group in groups.OrderByDescending(group => group.Length))
        {
            var labels = Labels(rows, group);

            // When there are only as many groups left as empty parts, each of them gets one.
            var candidates = Enumerable.Range(0, shares.Length).Where(part => left > empty || filled[part].Sum() == 0);
            var part = candidates.MinBy(part => Cost(filled[part], labels, targets[part]));
            if (filled[part].Sum() == 0) empty--;
            left--;
            for (var label = 0; label < Winners.Count; label++) filled[part][label] += labels[label];
            foreach (var place in group) partOf[place] = part;
        }

        // Ids stand in the order of the file.
        var parts = shares.Select(_ => new List<string>()).ToArray();
        for (var place = 0; place < rows.Count; place++) parts[partOf[place]].Add(rows[place].Id);
        return parts;
    }

    /// <summary>How much the squared distance to the targets, each label relative to its own, grows with the group.</summary>
    private static double Cost(double[] filled, double[] labels, double[] targets)
    {
        var cost = 0.0;
        for (var label = 0; label < Winners.Count; label++)
        {
            if (targets[label] > 0) cost += labels[label] * ((2 * (filled[label] - targets[label])) + labels[label]) / targets[label];
        }

        return cost;
    }

    private static double[] Labels(List<LabelledRow> rows, IEnumerable<int> places)
    {
        var counts = new double[Winners.Count];
        foreach (var place in places) counts[(int)rows[place].Winner]++;
        return counts;
    }
}

/// <summary>What a split needs of a battle: a file may be larger than the memory.</summary>
/// <param name="Id">The battle's id.</param>
/// <param name="Group">Its <see cref="PromptGroup"/>.</param>
/// <param name="Winner">Its label.</param>
public readonly record struct LabelledRow(string Id, string Group, Winner Winner)
{
    /// <summary>The row of a battle.</summary>
    /// <exception cref="ArgumentException">The battle has no winner.</exception>
    public static LabelledRow Of(Battle battle)
        => new(battle.Id, PromptGroup.Key(battle), battle.Winner ?? throw new ArgumentException($"battle '{battle.Id}' has no winner", nameof(battle)));
}
