namespace LoraArena.Runs.Deletion;

/// <summary>What a deletion would do, for a page or a command to say before it is done.</summary>
/// <param name="What">What goes, in words that follow "Deletes".</param>
/// <param name="Dependents">What depends on it, a sentence each; empty where nothing does.</param>
/// <param name="Bytes">Room on the disk that becomes free.</param>
/// <param name="Refusal">Why it cannot be deleted now; null where it can.</param>
public sealed record DeletionPlan(string What, IReadOnlyList<string> Dependents, long Bytes, string? Refusal);
