using static System.FormattableString;

namespace LoraArena.Data.Csv;

/// <summary>A file that is refused as a whole. The message says what is wrong, where, and what to do about it.</summary>
public sealed class CsvRefusedException : Exception
{
    /// <summary>A refusal of the file as it is.</summary>
    public CsvRefusedException(string file, string reason)
        : this(file, null, null, reason)
    {
    }

    /// <summary>A refusal because of one place.</summary>
    /// <param name="file">The file's name at the user's.</param>
    /// <param name="line">Line, from 1, as an editor counts.</param>
    /// <param name="column">Character in that line, from 1.</param>
    /// <param name="reason">What is wrong there.</param>
    public CsvRefusedException(string file, long? line, long? column, string reason)
        : base(Invariant($"{file}{(line is null ? "" : $", line {line}")}{(column is null ? "" : $", column {column}")}: {reason}"))
        => (FileName, Line, Column, Reason) = (file, line, column, reason);

    /// <summary>The file's name at the user's.</summary>
    public string FileName { get; }

    /// <summary>Line, from 1; null where the file as a whole is wrong.</summary>
    public long? Line { get; }

    /// <summary>Character in the line, from 1.</summary>
    public long? Column { get; }

    /// <summary>The message without the place.</summary>
    public string Reason { get; }
}
