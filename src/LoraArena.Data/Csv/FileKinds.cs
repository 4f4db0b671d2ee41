using System.Text;

namespace LoraArena.Data.Csv;

/// <summary>What the first bytes of a file give away.</summary>
internal static class FileKinds
{
    /// <summary>Files that people upload in place of a CSV, and what to do with them.</summary>
    private static (byte[] Start, string Kind, string Advice)[] Foreign { get; } =
    [
        ([0x1f, 0x8b], "a gzip archive", "unpack it first"),
        ([0x50, 0x4b, 0x03, 0x04], "a zip archive or an Excel workbook", "unpack it, or save the sheet as CSV UTF-8"),
        ([0x50, 0x4b, 0x05, 0x06], "an empty zip archive", "upload the CSV file itself"),
        ([0xd0, 0xcf, 0x11, 0xe0], "an old Excel workbook", "save the sheet as CSV UTF-8"),
        ([0x42, 0x5a, 0x68], "a bzip2 archive", "unpack it first"),
        ([0xfd, 0x37, 0x7a, 0x58, 0x5a], "an xz archive", "unpack it first"),
        ([0x28, 0xb5, 0x2f, 0xfd], "a zstd archive", "unpack it first"),
        ([0x37, 0x7a, 0xbc, 0xaf], "a 7z archive", "unpack it first"),
        ([0x50, 0x41, 0x52, 0x31], "a Parquet file", "write it as CSV first"),
        ([0x89, 0x50, 0x4e, 0x47], "a PNG image", "upload a CSV file"),
        ([0xff, 0xd8, 0xff], "a JPEG image", "upload a CSV file"),
        ([0x25, 0x50, 0x44, 0x46], "a PDF document", "upload a CSV file"),
        ([0x7f, 0x45, 0x4c, 0x46], "a program", "upload a CSV file"),
    ];

    /// <summary>What the file is and what to do, where it is no text.</summary>
    public static (string Kind, string Advice)? Recognise(ReadOnlySpan<byte> start)
    {
        foreach (var (bytes, kind, advice) in Foreign)
        {
            if (start.StartsWith(bytes)) return (kind, advice);
        }

        return null;
    }

    /// <summary>The encoding that a byte order mark names, other than UTF-8; it throws on bytes that are none of it.</summary>
    public static Encoding? WideEncoding(ReadOnlySpan<byte> start)
        => start.StartsWith((byte[])[0xff, 0xfe, 0, 0]) ? new UTF32Encoding(bigEndian: false, byteOrderMark: true, throwOnInvalidCharacters: true)
            : start.StartsWith((byte[])[0, 0, 0xfe, 0xff]) ? new UTF32Encoding(bigEndian: true, byteOrderMark: true, throwOnInvalidCharacters: true)
            : start.StartsWith((byte[])[0xff, 0xfe]) ? new UnicodeEncoding(bigEndian: false, byteOrderMark: true, throwOnInvalidBytes: true)
            : start.StartsWith((byte[])[0xfe, 0xff]) ? new UnicodeEncoding(bigEndian: true, byteOrderMark: true, throwOnInvalidBytes: true)
            : null;
}
