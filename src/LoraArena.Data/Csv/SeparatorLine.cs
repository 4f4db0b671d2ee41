namespace LoraArena.Data.Csv;

/// <summary>What stands between the cells of a file, and where its header begins: spreadsheets name the separator in a first line <c>sep=;</c>.</summary>
/// <param name="Separator">The separator; a comma where no line names one.</param>
/// <param name="HeaderOffset">Bytes before the header.</param>
/// <param name="HeaderLine">Line of the header, from 1.</param>
internal sealed record SeparatorLine(char Separator, long HeaderOffset, long HeaderLine)
{
    private const int MaxBytes = 64;

    /// <summary>Reads the beginning of a file.</summary>
    public static SeparatorLine Read(Stream text)
    {
        var buffer = new byte[MaxBytes];
        var start = buffer.AsSpan(0, text.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false));
        var mark = start.StartsWith("\ufeff"u8) ? 3 : 0;
        var end = start[mark..].IndexOfAny((byte)'\n', (byte)'\r');
        if (end < 0) return new SeparatorLine(',', 0, 1);
        var line = System.Text.Encoding.ASCII.GetString(start.Slice(mark, end));
        if (line is ['"', .. var inner, '"']) line = inner;
        if (line.Length != 5 || !line.StartsWith("sep=", StringComparison.OrdinalIgnoreCase) || !IsSeparator(line[4])) return new SeparatorLine(',', 0, 1);
        var next = mark + end + 1;
        if (start[next - 1] == '\r' && next < start.Length && start[next] == '\n') next++;
        return new SeparatorLine(line[4], next, 2);
    }

    /// <summary>A separator in words.</summary>
    public static string Name(char separator) => separator == '\t' ? "a tab" : $"'{separator}'";

    private static bool IsSeparator(char c) => c == '\t' || (char.IsAscii(c) && !char.IsLetterOrDigit(c) && !char.IsControl(c) && c is not '"');
}
