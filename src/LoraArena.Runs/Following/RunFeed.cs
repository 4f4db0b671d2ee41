using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using LoraArena.Storage.Entities;

namespace LoraArena.Runs.Following;

/// <summary>What watchers of a run are told: the newest state of it, and no queue of old ones.</summary>
/// <param name="Entry">The run in the index.</param>
/// <param name="Progress">What its journal amounts to.</param>
public sealed record RunNews(RunEntry Entry, RunSnapshot Progress);

/// <summary>
/// Brings news of runs to pages and hub. A watcher gets the newest news whenever it is ready for some: a slow one misses what has been
/// overtaken and holds nobody up.
/// </summary>
public sealed class RunFeed
{
    private readonly ConcurrentDictionary<string, Channel> _channels = new(StringComparer.Ordinal);

    /// <summary>Runs that somebody watches.</summary>
    public IReadOnlyCollection<string> Watched => [.. _channels.Where(c => c.Value.Watchers > 0).Select(c => c.Key)];

    /// <summary>Tells the watchers of a run.</summary>
    public void Publish(RunNews news)
    {
        if (_channels.TryGetValue(news.Entry.Id, out var channel)) channel.Publish(news);
    }

    /// <summary>News of a run, from now on, until the token is cancelled or the run is over.</summary>
    public async IAsyncEnumerable<RunNews> WatchAsync(string runId, [EnumeratorCancellation] CancellationToken cancel)
    {
        var channel = _channels.GetOrAdd(runId, _ => new Channel());
        channel.Enter();
        try
        {
            RunNews? last = null;
            while (!cancel.IsCancellationRequested)
            {
                var (news, changed) = channel.Now();
                if (news is not null && !ReferenceEquals(news, last))
                {
                    last = news;
                    yield return news;
                    continue;
                }

                try
                {
                    await changed.WaitAsync(cancel);
                }
                catch (OperationCanceledException)
                {
                    yield break;
                }
            }
        }
        finally
        {
            channel.Leave();
        }
    }

    private sealed class Channel
    {
        private readonly Lock _lock = new();
        private RunNews? _news;
        private TaskCompletionSource _changed = New();
        private int _watchers;

        public int Watchers => Volatile.Read(ref _watchers);

        public void Enter() => Interlocked.Increment(ref _watchers);

        public void Leave() => Interlocked.Decrement(ref _watchers);

        public (RunNews? News, Task Changed) Now()
        {
            lock (_lock) return (_news, _changed.Task);
        }

        public void Publish(RunNews news)
        {
            TaskCompletionSource changed;
            lock (_lock)
            {
                if (_news is not null
                    && _news.Progress.Version == news.Progress.Version
                    && _news.Entry.State == news.Entry.State
                    && _news.Entry.Attempt == news.Entry.Attempt
                    && _news.Entry.Phase == news.Entry.Phase)
                {
                    return;
                }

                _news = news;
                (changed, _changed) = (_changed, New());
            }

            changed.SetResult();
        }

        private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
