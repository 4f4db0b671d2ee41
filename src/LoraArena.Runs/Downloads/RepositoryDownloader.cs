using LoraArena.Core.Files;
using LoraArena.Core.Models;

namespace LoraArena.Runs.Downloads;

/// <summary>How far a download is.</summary>
/// <param name="Step">What is done now, in words.</param>
/// <param name="Bytes">Bytes that are there.</param>
/// <param name="TotalBytes">Bytes in all; 0 while they are not known.</param>
public sealed record DownloadProgress(string Step, long Bytes, long TotalBytes);

/// <summary>
/// Downloads repositories into the arena's folder. A download that was stopped, by whatever, goes on where it was: files lie in a folder of the
/// commit that is published only when all are there and right.
/// </summary>
public sealed class RepositoryDownloader(ArenaFolder arena, HubSettings settings)
{
    private const int MaxRevisionCharacters = 200;
    private const int CommitCharacters = 12;

    /// <summary>Checks a repository's id and a revision before anybody is asked for them.</summary>
    /// <exception cref="DownloadException">They are none.</exception>
    public static void Check(string repository, string revision)
    {
        if (!ModelSource.IsRepository(repository)) throw new DownloadException($"'{repository}' is not a repository's id; it looks like owner/name.");
        if (revision.Length is 0 or > MaxRevisionCharacters || revision.Any(char.IsControl))
        {
            throw new DownloadException("The revision is not one; name a branch, a tag or a commit.");
        }
    }

    /// <summary>Downloads what a base model needs of a repository, or what is missing of it.</summary>
    /// <param name="repository">Its id, such as <c>owner/name</c>.</param>
    /// <param name="revision">A branch, tag or commit.</param>
    /// <param name="progress">Gets how far it is.</param>
    /// <param name="cancel">Stops; what is there stays for the next time.</param>
    /// <returns>The folder.</returns>
    /// <exception cref="DownloadException">It cannot be downloaded.</exception>
    /// <exception cref="RunRefusedException">The same download is running.</exception>
    public async Task<string> FetchAsync(string repository, string revision, Action<DownloadProgress> progress, CancellationToken cancel)
    {
        Check(repository, revision);
        using var client = new HubClient(settings);
        progress(new DownloadProgress($"Asking for {repository}", 0, 0));
        HubListing listing;
        try
        {
            listing = await client.ListAsync(repository, revision, cancel);
        }
        catch (Exception error) when (!cancel.IsCancellationRequested && error is HttpRequestException or OperationCanceledException)
        {
            throw new DownloadException($"The server {settings.Endpoint} cannot be reached: {(error is OperationCanceledException ? "no answer came" : error.Message.TrimEnd('.'))}.");
        }

        var folder = SafePath.Join(
            arena.ModelFiles,
            $"{repository.Replace("/", "--", StringComparison.Ordinal)}--{listing.Revision[..Math.Min(CommitCharacters, listing.Revision.Length)]}");
        if (Directory.Exists(folder)) return folder;
        var unfinished = folder + ".unfinished";
        Directory.CreateDirectory(unfinished);
        using var only = OneAtATime(unfinished + ".lock", repository);
        CheckSpace(listing, unfinished);
        await FilesAsync(client, listing, unfinished, progress, cancel);
        AtomicFile.WriteJson(Path.Join(unfinished, ModelSource.FileName), new ModelSource(listing.Repository, listing.Revision, listing.License));
        AtomicFile.PublishFolder(unfinished, folder);
        return folder;
    }

    private async Task FilesAsync(HubClient client, HubListing listing, string folder, Action<DownloadProgress> progress, CancellationToken cancel)
    {
        var done = 0L;
        foreach (var file in listing.Files)
        {
            var before = done;
            var download = new FileDownload(client, settings, listing, file, SafePath.Join(folder, file.Name));
            await download.RunAsync(bytes => progress(new DownloadProgress(file.Name, before + bytes, listing.Bytes)), cancel);
            done += file.Bytes;
        }
    }

    private void CheckSpace(HubListing listing, string folder)
    {
        var here = Directory.EnumerateFiles(folder).Sum(path => new FileInfo(path).Length);
        var free = new DriveInfo(folder).AvailableFreeSpace;
        if (listing.Bytes - here + settings.FreeSpaceFloor <= free) return;
        throw new DownloadException($"{listing.Repository} takes {(listing.Bytes - here) >> 20} MiB more, and {free >> 20} MiB are free on the disk, of which {settings.FreeSpaceFloor >> 20} must stay so.");
    }

    private static FileStream OneAtATime(string path, string repository)
    {
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (IOException)
        {
            throw new RunRefusedException($"{repository} is being downloaded already.");
        }
    }
}
