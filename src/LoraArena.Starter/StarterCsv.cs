using System.Text;
using LoraArena.Core.Files;

namespace LoraArena.Starter;

/// <summary>Writes the starter's files as Kaggle's are written: UTF-8 without a mark, LF, cells quoted only where they must be.</summary>
internal static class StarterCsv
{
    private const string NeedsQuotes = ",\"\r\n";

    /// <summary>Writes a whole file, or leaves what was there.</summary>
    /// <param name="path">The file.</param>
    /// <param name="header">Names of the columns.</param>
    /// <param name="rows">One cell a column.</param>
    /// <exception cref="IOException">The disk is full or the folder cannot be written.</exception>
    public static void Write(string path, string[] header, IEnumerable<string[]> rows) => AtomicFile.Write(path, stream =>
    {
        using var writer = new StreamWriter(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), leaveOpen: true) { NewLine = "\n" };
        foreach (var row in rows.Prepend(header)) writer.WriteLine(string.Join(',', row.Select(Cell)));
    });

    private static string Cell(string text) => text.AsSpan().ContainsAny(NeedsQuotes) ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;
}
