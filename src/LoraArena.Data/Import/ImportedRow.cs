using LoraArena.Core.Battles;

namespace LoraArena.Data.Import;

/// <summary>One row of an imported file: accepted, perhaps repaired, or with the reason why not.</summary>
/// <param name="Line">Line of the file that it begins on.</param>
/// <param name="Id">Its id, where it has one.</param>
/// <param name="Battle">The battle of an accepted row of train or test data.</param>
/// <param name="Issue">Why the row is rejected; null where it is accepted.</param>
/// <param name="Repair">What had to be changed so that it could be accepted; null where nothing had.</param>
public sealed record ImportedRow(long Line, string? Id, Battle? Battle, RowIssue? Issue, RowIssue? Repair = null)
{
    /// <summary>What is said of a line with nothing in it.</summary>
    internal const string BlankLine = "the line is blank";

    /// <summary>Where <see cref="PreferenceCsv.ReadAt"/> finds the row again.</summary>
    public long Offset { get; init; }

    /// <summary>True for a line with nothing in it: it is named, and no row is missing for it.</summary>
    public bool IsBlank => Issue is { Reason: BlankLine };
}

/// <summary>Why one row is rejected, or how it is repaired.</summary>
/// <param name="Line">Line of the file that the row begins on.</param>
/// <param name="Column">Name of the column at fault; null where the row as a whole is.</param>
/// <param name="Reason">What is wrong, and what was done about it.</param>
/// <param name="Id">The row's id, where it has one.</param>
public sealed record RowIssue(long Line, string? Column, string Reason, string? Id);
