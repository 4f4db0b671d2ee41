using System.Security.Cryptography;
using System.Text;
using LoraArena.Core.Files;

namespace LoraArena.Learning.Packing;

/// <summary>
/// Tokens of whole data files on disk, so that the runs of a trial do not tokenise the same rows again. An entry is named by the hash of all that decides its
/// content and ends with the SHA-256 of its bytes: one that is damaged counts as missing. Entries are written beside and renamed, so any
/// number of processes may
/// use one folder; the ones used longest ago go where it grows too large.
/// </summary>
/// <param name="folder">Where the entries are; made at the first write.</param>
/// <param name="maxBytes">Largest sum of their sizes. An entry of more than a quarter of it, or a gibibyte, is not kept.</param>
public sealed class TokenCache(string folder, long maxBytes = TokenCache.DefaultMaxBytes)
{
    /// <summary>Four gibibytes.</summary>
    public const long DefaultMaxBytes = 4L << 30;

    private const string Extension = ".tokens";

    // Part of every name: entries of an older form are simply not found.
    private const string Form = "1";

    private readonly long _maxEntryBytes = Math.Min(maxBytes / 4, 1L << 30);

    /// <summary>Name of an entry.</summary>
    /// <param name="data">SHA-256 of the data file, and what else decides which rows are read from it.</param>
    /// <param name="tokenizer">SHA-256 of the tokenizer's files.</param>
    /// <param name="template">What decides the template beside the tokenizer.</param>
    public static string Key(string data, string tokenizer, string template)
        => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\0', Form, data, tokenizer, template))));

    /// <summary>An entry; null where there is none or it is damaged.</summary>
    public TokenizedFile? Find(string key)
    {
        var path = PathOf(key);
        try
        {
            var bytes = File.ReadAllBytes(path);
            if (bytes.Length <= SHA256.HashSizeInBytes) return null;
            var content = bytes.AsMemory(0, bytes.Length - SHA256.HashSizeInBytes);
            if (!SHA256.HashData(content.Span).AsSpan().SequenceEqual(bytes.AsSpan(content.Length))) return null;
            var file = TokenizedFile.Read(new MemoryStream(bytes, 0, content.Length, writable: false));
            MarkUsed(path);
            return file;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or InvalidDataException or FormatException)
        {
            // Missing, removed by another process just now, or damaged: it is made again.
            return null;
        }
    }

    /// <summary>Keeps an entry. A full disk or a folder that cannot be written costs the next run some seconds, and this one nothing.</summary>
    public void Keep(string key, TokenizedFile file)
    {
        try
        {
            Directory.CreateDirectory(folder);
            AtomicFile.Write(PathOf(key), stream => Write(stream, file));
            RemoveOldest();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
        }
    }

    private void Write(Stream stream, TokenizedFile file)
    {
        using var hash = SHA256.Create();
        using (var hashed = new CryptoStream(stream, hash, CryptoStreamMode.Write, leaveOpen: true))
        using (var limited = new LimitedStream(hashed, _maxEntryBytes))
        using (var buffered = new BufferedStream(limited, 1 << 16))
        {
            file.Write(buffered);
        }

        stream.Write(hash.Hash!);
    }

    private void RemoveOldest()
    {
        var entries = new DirectoryInfo(folder).EnumerateFiles("*" + Extension).OrderByDescending(entry => entry.LastWriteTimeUtc).ToList();
        var total = 0L;
        foreach (var entry in entries)
        {
            total += entry.Length;
            if (total > maxBytes) entry.Delete();
        }
    }

    private static void MarkUsed(string path)
    {
        try
        {
            File.SetLastWriteTimeUtc(path, TimeProvider.System.GetUtcNow().UtcDateTime);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // A folder that may only be read serves as well.
        }
    }

    private string PathOf(string key) => SafePath.Join(folder, key + Extension);

    /// <summary>Hands writes on until there are too many bytes.</summary>
    private sealed class LimitedStream(Stream inner, long maxBytes) : Stream
    {
        private long _left = maxBytes;

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (buffer.Length > _left) throw new IOException("The entry is too large to be kept.");
            _left -= buffer.Length;
            inner.Write(buffer);
        }

        public override void Flush() => inner.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
