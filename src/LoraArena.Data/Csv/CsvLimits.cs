namespace LoraArena.Data.Csv;

/// <summary>How much of a file is believed: beyond it the file is refused, so that no input takes all the memory.</summary>
public static class CsvLimits
{
    /// <summary>Bytes of one row. A quote that is opened and never closed ends here.</summary>
    public const int RecordBytes = 8 * 1024 * 1024;

    /// <summary>Columns of a header.</summary>
    public const int Columns = 256;

    /// <summary>Rows of a file.</summary>
    public const int Rows = 5_000_000;

    /// <summary>Rows with broken quotes that a file may have while the rest of it is taken.</summary>
    public const int BrokenRows = 1000;

    /// <summary>Characters of an id.</summary>
    public const int IdCharacters = 1000;
}
