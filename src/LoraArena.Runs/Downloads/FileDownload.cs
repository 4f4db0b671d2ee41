using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace LoraArena.Runs.Downloads;

/// <summary>One file of a repository: what is there is kept, the rest is fetched, and all of it is checked.</summary>
internal sealed class FileDownload(HubClient client, HubSettings settings, HubListing listing, HubFile file, string path)
{
    private const int MaxTries = 6;
    private const int BufferBytes = 1 << 20;

    /// <summary>Fetches the file, or what is missing of it.</summary>
    /// <param name="progress">Gets the bytes that are there, as often as they change.</param>
    /// <param name="cancel">Stops; what is there stays for the next time.</param>
    /// <exception cref="DownloadException">It cannot be fetched, or is not what the server said.</exception>
    public async Task RunAsync(Action<long> progress, CancellationToken cancel)
    {
        for (var mismatches = 0; ; mismatches++)
        {
            await FetchAsync(progress, cancel);
            if (await IsRightAsync(cancel)) return;
            File.Delete(path);
            progress(0);
            if (mismatches > 0)
            {
                throw new DownloadException($"{file.Name} has another checksum than the server says, twice; it is damaged there or on the way.");
            }
        }
    }

    private async Task FetchAsync(Action<long> progress, CancellationToken cancel)
    {
        var pause = settings.RetryPause;
        for (var (tries, before) = (1, -1L); ; tries++)
        {
            try
            {
                await ContinueAsync(progress, cancel);
                return;
            }
            catch (Exception error) when (!cancel.IsCancellationRequested
                && error is HttpRequestException or IOException or OperationCanceledException
                && !IsDiskFull(error))
            {
                // A try that has brought something counts as a first one.
                var now = LengthOf(path);
                if (now > before) (tries, pause) = (1, settings.RetryPause);
                before = now;
                if (tries >= MaxTries)
                {
                    var reason = error is OperationCanceledException
                        ? $"no byte came for {settings.StallLimit.TotalSeconds.ToString("0", CultureInfo.InvariantCulture)} s"
                        : error.Message.TrimEnd('.');
                    throw new DownloadException($"{file.Name} could not be fetched: {reason}. What is there is kept; try again later.");
                }

                await Task.Delay(pause, cancel);
                pause *= 2;
            }
        }
    }

    private async Task ContinueAsync(Action<long> progress, CancellationToken cancel)
    {
        var have = LengthOf(path);
        if (have > file.Bytes) have = 0;
        progress(have);
        if (have == file.Bytes && File.Exists(path)) return;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(settings.StallLimit);
        using var response = await client.GetAsync(listing, file, have, limit.Token);
        if (response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable
            || (response.StatusCode == HttpStatusCode.PartialContent && response.Content.Headers.ContentRange?.From != have))
        {
            File.Delete(path);
            throw new IOException($"the server cannot go on at byte {have}");
        }

        if (response.StatusCode != HttpStatusCode.PartialContent) have = 0;
        await using var source = await response.Content.ReadAsStreamAsync(limit.Token);
        await using var target = new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read, bufferSize: 0, useAsync: true);
        target.SetLength(have);
        target.Position = have;
        var buffer = new byte[BufferBytes];
        while (true)
        {
            limit.CancelAfter(settings.StallLimit);
            var read = await source.ReadAsync(buffer, limit.Token);
            if (read == 0) break;
            have += read;
            if (have > file.Bytes) throw new DownloadException($"The server sends more of {file.Name} than the {file.Bytes} bytes that it said.");
            await target.WriteAsync(buffer.AsMemory(0, read), cancel);
            progress(have);
        }

        if (have < file.Bytes) throw new IOException($"the connection ended after {have} of {file.Bytes} bytes");
    }

    private async Task<bool> IsRightAsync(CancellationToken cancel)
    {
        await using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, BufferBytes, useAsync: true);
        if (file.Sha256 is { } sha256)
        {
            return string.Equals(Convert.ToHexString(await SHA256.HashDataAsync(stream, cancel)), sha256, StringComparison.OrdinalIgnoreCase);
        }

        // Git's name of a file: the SHA-1 of "blob", its size and its bytes. It is the only one that the server gives for small files.
#pragma warning disable CA5350
        using var sha1 = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
#pragma warning restore CA5350
        sha1.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {stream.Length}\0")));
        var buffer = new byte[BufferBytes];
        int read;
        while ((read = await stream.ReadAsync(buffer, cancel)) > 0) sha1.AppendData(buffer, 0, read);
        return string.Equals(Convert.ToHexString(sha1.GetHashAndReset()), file.BlobId, StringComparison.OrdinalIgnoreCase);
    }

    private static long LengthOf(string path) => File.Exists(path) ? new FileInfo(path).Length : 0;

    private static bool IsDiskFull(Exception error) => error is IOException { HResult: 28 or unchecked((int)0x80070070) };
}
