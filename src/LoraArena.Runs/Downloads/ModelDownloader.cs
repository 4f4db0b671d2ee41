using LoraArena.Core.Models;

namespace LoraArena.Runs.Downloads;

/// <summary>Downloads base models by repository and registers them.</summary>
public sealed class ModelDownloader(RepositoryDownloader files, ModelRegistry registry)
{
    private const string DefaultRevision = "main";

    /// <summary>Downloads and registers a model.</summary>
    /// <param name="repository">Its repository, such as <c>owner/name</c>.</param>
    /// <param name="revision">A branch, tag or commit; null for the main branch.</param>
    /// <param name="name">What to call it; null takes the repository's name.</param>
    /// <param name="progress">Gets how far it is.</param>
    /// <param name="cancel">Stops; what is there stays for the next time.</param>
    /// <exception cref="DownloadException">It cannot be downloaded.</exception>
    /// <exception cref="RunRefusedException">The name is taken or not usable, or the same download is running.</exception>
    /// <exception cref="Launching.WorkerException">It has come, and cannot be trained; the message says why.</exception>
    public async Task<ModelCard> PullAsync(string repository, string? revision, string? name, Action<DownloadProgress> progress, CancellationToken cancel)
    {
        repository = repository.Trim();
        revision = string.IsNullOrWhiteSpace(revision) ? DefaultRevision : revision.Trim();
        RepositoryDownloader.Check(repository, revision);
        name = string.IsNullOrWhiteSpace(name) ? repository[(repository.IndexOf('/', StringComparison.Ordinal) + 1)..] : name.Trim();
        await registry.CheckNameAsync(name, cancel);
        var folder = await files.FetchAsync(repository, revision, progress, cancel);
        progress(new DownloadProgress("Checking the model", 0, 0));
        return await registry.AddAsync(folder, name, cancel);
    }
}
