namespace LoraArena.Data.Splits;

/// <summary>A split without its ids: the file &lt;split id&gt;.summary.json beside it, so that a list of splits need not read them whole.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Name">Its name.</param>
/// <param name="Kind">How it came to be.</param>
/// <param name="Seed">The seed it was drawn with.</param>
/// <param name="Train">Rows that train, where it has two sides.</param>
/// <param name="Validation">Rows that validate, where it has two sides.</param>
/// <param name="Folds">Rows of each fold, where it has folds.</param>
/// <param name="Warnings">What speaks against it: prompts that stand on both sides.</param>
public sealed record SplitSummary(
    string Id, string Name, SplitKind Kind, long? Seed, int? Train, int? Validation, IReadOnlyList<int>? Folds, IReadOnlyList<string> Warnings)
{
    /// <summary>Folds that can validate: null, the only one, where the split has two sides.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public IReadOnlyList<int?> FoldNumbers => Folds is null ? [null] : [.. Enumerable.Range(0, Folds.Count).Select(k => (int?)k)];

    /// <summary>The summary of a split.</summary>
    public static SplitSummary Of(Split split, IReadOnlyList<string>? warnings = null) => new(
        split.Id, split.Name, split.Kind, split.Seed, split.Train?.Count, split.Validation?.Count,
        split.Folds?.Select(ids => ids.Count).ToList(), warnings ?? []);
}
