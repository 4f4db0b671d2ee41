using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using LoraArena.Core.Json;
using static System.FormattableString;

namespace LoraArena.Data.Splits;

/// <summary>How a split came to be.</summary>
public enum SplitKind
{
    /// <summary>One part validates, the rest trains.</summary>
    HoldOut,

    /// <summary>Each of several parts validates once while the others train.</summary>
    Folds,

    /// <summary>A user's lists of ids.</summary>
    File,
}

/// <summary>
/// Which rows of train.csv train and which validate: the file competitions/&lt;id&gt;/splits/&lt;split id&gt;.json. It never changes once it is written;
/// every run on it is scored on the same rows.
/// </summary>
/// <param name="Name">Display name.</param>
/// <param name="Kind">How it came to be.</param>
/// <param name="Seed">The seed it was drawn with; null for a user's lists.</param>
/// <param name="Train">Ids of the rows that train; null where there are folds.</param>
/// <param name="Validation">Ids of the rows that validate; null where there are folds.</param>
/// <param name="Folds">Ids of each fold; null where there are two sides.</param>
public sealed record Split(
    string Name,
    SplitKind Kind,
    long? Seed,
    IReadOnlyList<string>? Train,
    IReadOnlyList<string>? Validation,
    IReadOnlyList<IReadOnlyList<string>>? Folds)
{
    /// <summary>First 16 hexadecimal digits of the SHA-256 of the content, as JSON on one line: name of the split's file.</summary>
    [JsonIgnore]
    public string Id => Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(this, ArenaJson.Line)).AsSpan(0, 8));

    /// <summary>Folds that can validate: null, the only one, where the split has two sides.</summary>
    [JsonIgnore]
    public IReadOnlyList<int?> FoldNumbers => Folds is null ? [null] : [.. Enumerable.Range(0, Folds.Count).Select(k => (int?)k)];

    /// <summary>True for text that has the form of a split's id.</summary>
    public static bool IsId(string id) => id.Length == 16 && id.All(char.IsAsciiHexDigitLower);

    /// <summary>The rows that train and those that validate.</summary>
    /// <param name="fold">The fold that validates, from 0; null where the split has none.</param>
    /// <exception cref="SplitException">The split has no such fold.</exception>
    public (IReadOnlyList<string> Train, IReadOnlyList<string> Validation) Assign(int? fold)
    {
        if (Folds is null)
        {
            if (fold is not null) throw new SplitException(Invariant($"split '{Name}' has no folds, so fold {fold} cannot be chosen"));
            return (Train!, Validation!);
        }

        if (fold is not { } chosen)
        {
            throw new SplitException(Invariant($"split '{Name}' has {Folds.Count} folds: say which one validates (0 to {Folds.Count - 1})"));
        }

        if (chosen < 0 || chosen >= Folds.Count) throw new SplitException(Invariant($"split '{Name}' has folds 0 to {Folds.Count - 1}, not {chosen}"));
        return ([.. Folds.Where((_, k) => k != chosen).SelectMany(ids => ids)], Folds[chosen]);
    }

    /// <summary>Checks that the split can be used: two sides or several folds, none empty, no id twice.</summary>
    /// <exception cref="SplitException">It cannot.</exception>
    public void Check()
    {
        IReadOnlyList<IReadOnlyList<string>?> sides = Folds is null ? [Train, Validation] : [.. Folds];
        if (Folds is null ? Train is null || Validation is null : Train is not null || Validation is not null || Folds.Count < 2)
        {
            throw new SplitException($"split '{Name}' needs either train and validation, or at least two folds");
        }

        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var side = 0; side < sides.Count; side++)
        {
            if (sides[side]!.Count == 0) throw new SplitException($"{SideName(side)} is empty");
            foreach (var id in sides[side]!)
            {
                if (seen.TryAdd(id, side)) continue;
                throw new SplitException($"id '{id}' is "
                    + (seen[id] == side ? $"twice in {SideName(side)}" : $"in {SideName(seen[id])} and in {SideName(side)}"));
            }
        }
    }

    private string SideName(int side) => Folds is not null ? Invariant($"fold {side}") : side == 0 ? "train" : "validation";
}

/// <summary>A split that cannot be made or used.</summary>
public sealed class SplitException(string message) : Exception(message);
