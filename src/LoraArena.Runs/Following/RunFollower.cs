using System.Collections.Concurrent;
using LoraArena.Core.Files;
using LoraArena.Core.Journal;

namespace LoraArena.Runs.Following;

/// <summary>Reads journals as they grow. One history is kept for each run that somebody follows, however many watch it.</summary>
/// <param name="folder">The arena.</param>
public sealed class RunFollower(ArenaFolder folder)
{
    private const int MaxKept = 64;
    private readonly ConcurrentDictionary<string, Followed> _followed = new(StringComparer.Ordinal);

    /// <summary>Takes in what is new of a run's journal and gives what it amounts to.</summary>
    public RunSnapshot Poll(string runId)
    {
        var followed = _followed.GetOrAdd(runId, id => new Followed(new JournalReader(folder.Run(id).Journal)));
        Forget();
        return followed.Poll();
    }

    // The runs that were asked for longest ago go first; what is forgotten is read again when it is asked for.
    private void Forget()
    {
        if (_followed.Count <= MaxKept) return;
        foreach (var (id, _) in _followed.OrderBy(f => f.Value.LastPolled).Take(_followed.Count - MaxKept).ToList()) _followed.TryRemove(id, out _);
    }

    private sealed class Followed(JournalReader reader)
    {
        private readonly Lock _lock = new();
        private readonly RunHistory _history = new();
        private RunSnapshot _snapshot = RunSnapshot.Empty;

        public long LastPolled { get; private set; }

        public RunSnapshot Poll()
        {
            lock (_lock)
            {
                LastPolled = Environment.TickCount64;
                var news = reader.ReadNew();
                foreach (var record in news) _history.Add(record);
                if (news.Count > 0) _snapshot = RunSnapshot.Of(_history);
                return _snapshot;
            }
        }
    }
}
