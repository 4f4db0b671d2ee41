using System.Runtime.CompilerServices;
using LoraArena.Core.Runs;
using LoraArena.Storage.Entities;

namespace LoraArena.Runs.Following;

/// <summary>What watchers of a run are told: the newest state of it, and no queue of old ones.</summary>
/// <param name="Entry">The run in the index.</param>
/// <param name="Progress">What its journal amounts to.</param>
public sealed record RunNews(RunEntry Entry, RunSnapshot Progress);

/// <summary>
/// Brings news of runs to pages and hub. A watcher gets the newest news whenever it is ready for some: a slow one misses what has been
/// overtaken and holds nobody up. The newest news of a run is kept until the run has ended and its last watcher has left.
/// </summary>
public sealed class RunFeed
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Channel> _channels = new(StringComparer.Ordinal);

    /// <summary>Runs that somebody watches.</summary>
    public IReadOnlyCollection<string> Watched
    {
        get
        {
            lock (_lock) return [.. _channels.Where(c => c.Value.Watchers > 0).Select(c => c.Key)];
        }
    }

    /// <summary>Runs of which news is kept, or would be.</summary>
    public int Kept
    {
        get
        {
            lock (_lock) return _channels.Count;
        }
    }

    /// <summary>Tells the watchers of a run.</summary>
    public void Publish(RunNews news)
    {
        lock (_lock)
        {
            if (!_channels.TryGetValue(news.Entry.Id, out var channel)) return;
            channel.Publish(news);
            Forget(news.Entry.Id, channel);
        }
    }

    /// <summary>News of a run, from now on, until the token is cancelled or the run is over.</summary>
    public async IAsyncEnumerable<RunNews> WatchAsync(string runId, [EnumeratorCancellation] CancellationToken cancel)
    {
        var channel = Enter(runId);
        try
        {
            RunNews? last = null;
            while (!cancel.IsCancellationRequested)
            {
                var (news, changed) = Now(channel);
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
            Leave(runId, channel);
        }
    }

    private Channel Enter(string runId)
    {
        lock (_lock)
        {
            if (!_channels.TryGetValue(runId, out var channel)) _channels[runId] = channel = new Channel();
            channel.Watchers++;
            return channel;
        }
    }

    private (RunNews? News, Task Changed) Now(Channel channel)
    {
        lock (_lock) return (channel.News, channel.Changed);
    }

    private void Leave(string runId, Channel channel)
    {
        lock (_lock)
        {
            channel.Watchers--;
            Forget(runId, channel);
        }
    }

    // Whoever comes later to a run that has ended finds its end in the store, and is told of it at the next look.
    private void Forget(string runId, Channel channel)
    {
        if (channel.Watchers == 0 && channel.IsOver) _channels.Remove(runId);
    }

    /// <summary>What is known of a run, and who waits for more. Held under the feed's lock.</summary>
    private sealed class Channel
    {
        private TaskCompletionSource _changed = New();

        public int Watchers { get; set; }

        public RunNews? News { get; private set; }

        public Task Changed => _changed.Task;

        /// <summary>True where there is nothing to keep for a later watcher.</summary>
        public bool IsOver => News is null || RunState.Parse(News.Entry.State).IsFinal;

        public void Publish(RunNews news)
        {
            if (News is not null
                && News.Progress.Version == news.Progress.Version
                && News.Entry.State == news.Entry.State
                && News.Entry.Attempt == news.Entry.Attempt
                && News.Entry.Phase == news.Entry.Phase)
            {
                return;
            }

            News = news;
            var changed = _changed;
            _changed = New();
            changed.SetResult();
        }

        private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
