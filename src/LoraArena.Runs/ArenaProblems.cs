using System.Collections.Concurrent;

namespace LoraArena.Runs;

/// <summary>
/// What is wrong with the arena now, in sentences for people: a full disk, a damaged folder, runs that cannot be supervised. Whoever meets
/// a problem reports it, and takes it back when it has passed; pages and commands show what is there.
/// </summary>
public sealed class ArenaProblems(TimeProvider time)
{
    private static readonly TimeSpan LogEvery = TimeSpan.FromMinutes(10);
    private readonly ConcurrentDictionary<string, (string Text, long Logged)> _problems = new(StringComparer.Ordinal);

    /// <summary>Raised when a problem has come or gone. Called on whatever thread.</summary>
    public event Action? Changed;

    /// <summary>All problems there are now.</summary>
    public IReadOnlyList<string> All => [.. _problems.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => p.Value.Text)];

    /// <summary>Reports a problem.</summary>
    /// <param name="key">What it is about: a later report of the same key takes its place.</param>
    /// <param name="text">A sentence or two: what is wrong, where, and what to do.</param>
    /// <returns>True if it is new, or was reported long ago: then, and only then, it belongs into the log.</returns>
    public bool Report(string key, string text)
    {
        var now = time.GetTimestamp();
        if (_problems.TryGetValue(key, out var known) && known.Text == text && time.GetElapsedTime(known.Logged, now) < LogEvery) return false;
        _problems[key] = (text, now);
        if (known.Text != text) Changed?.Invoke();
        return true;
    }

    /// <summary>Takes a problem back.</summary>
    public void Clear(string key)
    {
        if (_problems.TryRemove(key, out _)) Changed?.Invoke();
    }

    /// <summary>Takes back the problems of a kind that are not among those that are still there.</summary>
    /// <param name="kind">What their keys begin with.</param>
    /// <param name="remaining">Keys that stay.</param>
    public void ClearOthers(string kind, IReadOnlyCollection<string> remaining)
    {
        foreach (var key in _problems.Keys.Where(key => key.StartsWith(kind, StringComparison.Ordinal) && !remaining.Contains(key)).ToList()) Clear(key);
    }
}
