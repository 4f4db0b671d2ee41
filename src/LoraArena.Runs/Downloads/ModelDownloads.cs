using LoraArena.Runs.Launching;
using Microsoft.Extensions.Logging;

namespace LoraArena.Runs.Downloads;

/// <summary>A download that somebody has asked the server for.</summary>
public sealed class ModelDownload
{
    private readonly Action _stop;

    internal ModelDownload(string repository, string? revision, string? name, Action stop)
        => (Repository, Revision, Name, _stop) = (repository, revision, name, stop);

    /// <summary>The repository.</summary>
    public string Repository { get; }

    /// <summary>The revision that was asked for; null for the main branch.</summary>
    public string? Revision { get; }

    /// <summary>What to call the model; null for the repository's name.</summary>
    public string? Name { get; }

    /// <summary>How far it is.</summary>
    public DownloadProgress Progress { get; internal set; } = new("Waiting", 0, 0);

    /// <summary>True once nothing more happens.</summary>
    public bool Ended { get; internal set; }

    /// <summary>Why it failed; null while it has not.</summary>
    public string? Error { get; internal set; }

    /// <summary>Stops it. What is there stays: the same download goes on from it.</summary>
    public void Stop() => _stop();
}

/// <summary>The downloads of this server: they go on when the page that began them is closed.</summary>
public sealed class ModelDownloads(ModelDownloader downloader, ILogger<ModelDownloads> log)
{
    private static readonly TimeSpan TellEvery = TimeSpan.FromMilliseconds(400);
    private readonly Lock _lock = new();
    private readonly List<ModelDownload> _downloads = [];

    /// <summary>Something has changed; called on any thread, a few times a second at most.</summary>
    public event Action? Changed;

    /// <summary>Those that run, and those that have failed and were not dismissed.</summary>
    public IReadOnlyList<ModelDownload> All
    {
        get
        {
            lock (_lock) return [.. _downloads];
        }
    }

    /// <summary>Begins a download.</summary>
    public ModelDownload Start(string repository, string? revision, string? name)
    {
        var stop = new CancellationTokenSource();
        var download = new ModelDownload(repository, revision, name, stop.Cancel);
        lock (_lock)
        {
            _downloads.RemoveAll(other => other.Ended && other.Repository == repository);
            _downloads.Add(download);
        }

        _ = Task.Run(() => RunAsync(download, stop.Token));
        Changed?.Invoke();
        return download;
    }

    /// <summary>Takes an ended download off the list.</summary>
    public void Dismiss(ModelDownload download)
    {
        lock (_lock) _downloads.Remove(download);
        Changed?.Invoke();
    }

    private async Task RunAsync(ModelDownload download, CancellationToken stopped)
    {
        var told = 0L;
        try
        {
            await downloader.PullAsync(download.Repository, download.Revision, download.Name, Tell, stopped);
            lock (_lock) _downloads.Remove(download);
        }
        catch (OperationCanceledException) when (stopped.IsCancellationRequested)
        {
            download.Error = "Stopped. The same download goes on where it was.";
        }
        catch (Exception error) when (error is DownloadException or RunRefusedException or WorkerException)
        {
            download.Error = error.Message;
        }
        catch (Exception error)
        {
            log.LogError(error, "The download of {Repository} failed.", download.Repository);
            download.Error = error is IOException ? error.Message : "Something went wrong; the server's log has the details.";
        }

        download.Ended = true;
        Changed?.Invoke();

        void Tell(DownloadProgress progress)
        {
            var step = progress.Step != download.Progress.Step;
            download.Progress = progress;
            if (!step && TimeProvider.System.GetElapsedTime(told) < TellEvery) return;
            told = TimeProvider.System.GetTimestamp();
            Changed?.Invoke();
        }
    }
}
