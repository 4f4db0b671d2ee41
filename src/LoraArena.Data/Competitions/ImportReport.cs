using LoraArena.Core.Competitions;
using LoraArena.Data.Import;

namespace LoraArena.Data.Competitions;

/// <summary>What came of importing a file: import.&lt;role&gt;.json beside it in its data set's folder.</summary>
/// <param name="Role">What the file was read as.</param>
/// <param name="FileName">Its name at the user's.</param>
/// <param name="Sha256">SHA-256 of its bytes, in lower-case hexadecimal.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Rows">Rows in it, header and blank lines at the end left out.</param>
/// <param name="Accepted">Rows that can be used, those that were repaired among them.</param>
/// <param name="Repaired">Rows that were changed to be usable.</param>
/// <param name="Rejected">Rows that cannot be used.</param>
/// <param name="Rejections">The first of them, with their reasons.</param>
/// <param name="Statistics">What the accepted battles are like; null for a sample submission.</param>
public sealed record ImportReport(
    FileRole Role,
    string FileName,
    string Sha256,
    long Bytes,
    int Rows,
    int Accepted,
    int Repaired,
    int Rejected,
    IReadOnlyList<RowIssue> Rejections,
    ImportStatistics? Statistics)
{
    /// <summary>Rejections, and repairs, that a report lists.</summary>
    public const int MaxListed = 100;

    /// <summary>Version of the rules by which rows are read: a report by older ones is made again when the file is imported again.</summary>
    internal const int CurrentRules = 3;

    /// <summary>The version that this report was made by.</summary>
    public int Rules { get; init; } = 1;

    /// <summary>The first of the rows that were repaired, and how.</summary>
    public IReadOnlyList<RowIssue> Repairs { get; init; } = [];

    /// <summary>What is odd about the file by itself: rows that no submission can do without, an outcome that no row has, one prompt only.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>What is odd about the file beside the competition's other files. Depends on them, so it is not stored with the data set.</summary>
    public IReadOnlyList<string>? Notes { get; init; }
}

/// <summary>What the accepted battles of a file are like.</summary>
/// <param name="Labels">How many battles each outcome has; empty in a test file.</param>
/// <param name="SeveralTurns">Battles with more than one turn.</param>
/// <param name="NullTurns">Battles in which a prompt or an answer is null.</param>
/// <param name="MedianAnswerCharacters">Median length of an answer, all its turns together, in UTF-16 units.</param>
public sealed record ImportStatistics(IReadOnlyDictionary<string, int> Labels, int SeveralTurns, int NullTurns, double MedianAnswerCharacters);

/// <summary>How far an import has come.</summary>
/// <param name="Stage">What it is doing.</param>
/// <param name="Bytes">Bytes received so far.</param>
/// <param name="Rows">Rows read so far.</param>
public sealed record ImportProgress(ImportStage Stage, long Bytes, int Rows);

/// <summary>The stages of an import, in order.</summary>
public enum ImportStage
{
    /// <summary>The bytes come in.</summary>
    Receiving,

    /// <summary>Every row is read.</summary>
    Reading,

    /// <summary>The default split is drawn and the baselines are scored on it.</summary>
    Preparing,
}
