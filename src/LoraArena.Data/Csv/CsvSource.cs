using System.Text;
using LoraArena.Core.Files;

namespace LoraArena.Data.Csv;

/// <summary>A CSV file as UTF-8 bytes, whatever encoding it is stored in. It can be opened again anywhere.</summary>
internal sealed class CsvSource
{
    private static UTF8Encoding Utf8 { get; } = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly string _path;
    private readonly Encoding? _wide;

    /// <summary>Looks at the first bytes of a file.</summary>
    /// <exception cref="CsvRefusedException">It is empty, no text, or no file on a disk.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public CsvSource(string path, string displayName)
    {
        if (RegularFile.Refusal(path) is { } refusal) throw new CsvRefusedException(displayName, refusal);
        _path = path;
        using var file = OpenFile();
        Span<byte> start = stackalloc byte[8];
        start = start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        if (start.IsEmpty) throw new CsvRefusedException(displayName, "the file is empty");
        if (FileKinds.Recognise(start) is var (kind, advice)) throw new CsvRefusedException(displayName, $"this is {kind}, not a CSV file: {advice}");
        _wide = FileKinds.WideEncoding(start);
    }

    /// <summary>True for UTF-8, with or without a byte order mark.</summary>
    public bool IsUtf8 => _wide is null;

    /// <summary>Opens the text from a place on.</summary>
    /// <param name="offset">Bytes of UTF-8 before the place, a byte order mark included.</param>
    public Stream Open(long offset)
    {
        var file = OpenFile();
        try
        {
            if (_wide is null)
            {
                file.Position = offset;
                return file;
            }

            var text = Encoding.CreateTranscodingStream(file, _wide, Utf8);
            Skip(text, offset);
            return text;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private FileStream OpenFile() => new(_path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1, FileOptions.SequentialScan);

    private static void Skip(Stream text, long count)
    {
        var buffer = new byte[1 << 16];
        while (count > 0)
        {
            var read = text.Read(buffer, 0, (int)Math.Min(buffer.Length, count));
            if (read == 0) return;
            count -= read;
        }
    }
}
