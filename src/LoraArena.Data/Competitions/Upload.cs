using System.Security.Cryptography;
using LoraArena.Core.Files;
using static System.FormattableString;

namespace LoraArena.Data.Competitions;

/// <summary>A file on its way into the arena: a folder under uploads/ that becomes a data set or is deleted.</summary>
internal sealed class Upload : IDisposable
{
    private const int BlockBytes = 1 << 18;

    private Upload(string folder) => Folder = folder;

    public string Folder { get; }

    public string Source => Path.Join(Folder, DataSets.SourceName);

    public string Sha256 { get; private set; } = "";

    public long Bytes { get; private set; }

    /// <summary>Takes the bytes in and hashes them; the file is on the disk afterwards.</summary>
    /// <exception cref="UploadTooLargeException">There are more than <paramref name="maxBytes"/>.</exception>
    /// <exception cref="IOException">The disk is full, or the sender broke off.</exception>
    public static async Task<Upload> ReceiveAsync(
        ArenaFolder arena, TimeProvider time, Stream content, long maxBytes, IProgress<ImportProgress>? progress, CancellationToken cancellation)
    {
        var upload = new Upload(Path.Join(arena.Uploads, ArenaId.New(time)));
        try
        {
            Directory.CreateDirectory(upload.Folder);
            await upload.CopyAsync(content, maxBytes, progress, cancellation).ConfigureAwait(false);
            return upload;
        }
        catch
        {
            upload.Dispose();
            throw;
        }
    }

    /// <summary>Deletes what has not become a data set.</summary>
    public void Dispose()
    {
        if (Directory.Exists(Folder)) Directory.Delete(Folder, recursive: true);
    }

    private async Task CopyAsync(Stream content, long maxBytes, IProgress<ImportProgress>? progress, CancellationToken cancellation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var block = new byte[BlockBytes];
        var file = new FileStream(Source, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1, FileOptions.Asynchronous);
        await using (file.ConfigureAwait(false))
        {
            for (int read; (read = await content.ReadAsync(block, cancellation).ConfigureAwait(false)) > 0;)
            {
                Bytes += read;
                if (Bytes > maxBytes) throw new UploadTooLargeException(maxBytes);
                hash.AppendData(block.AsSpan(0, read));
                await file.WriteAsync(block.AsMemory(0, read), cancellation).ConfigureAwait(false);
                progress?.Report(new ImportProgress(ImportStage.Receiving, Bytes, 0));
            }

            file.Flush(flushToDisk: true);
        }

        Sha256 = Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}

/// <summary>An upload is larger than allowed.</summary>
public sealed class UploadTooLargeException(long maxBytes)
    : Exception(Invariant($"The file is larger than the {maxBytes:N0} bytes that are allowed."))
{
    /// <summary>Bytes that are allowed.</summary>
    public long MaxBytes { get; } = maxBytes;
}
