using System.Globalization;
using LoraArena.Core.Battles;
using LoraArena.Core.Competitions;
using LoraArena.Data.Csv;
using static System.FormattableString;

namespace LoraArena.Data.Import;

/// <summary>
/// Reads the files of a pairwise-preference competition in the form of LMSYS: train.csv, test.csv and sample_submission.csv.
/// Every row comes out, in order, accepted or with its issue: nothing is dropped silently.
/// </summary>
public static class PreferenceCsv
{
    private const NumberStyles Decimal = NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent | NumberStyles.AllowLeadingSign;

    /// <summary>Streams the rows of a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="displayName">What messages call it.</param>
    /// <param name="role">What it is for: decides the columns that must be there.</param>
    /// <param name="cancellation">Looked at before each row.</param>
    /// <exception cref="CsvRefusedException">The file as a whole cannot be used.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static IEnumerable<ImportedRow> Read(string path, string displayName, FileRole role, CancellationToken cancellation = default)
    {
        using var csv = new CsvInput(path, displayName);
        var columns = new PreferenceColumns(csv.Header, role, displayName);
        var firstLines = new Dictionary<string, long>(StringComparer.Ordinal);
        var any = false;
        foreach (var record in csv.Records(cancellation))
        {
            any = true;
            yield return ReadRow(record, csv.Header.Count, columns, role, firstLines);
        }

        if (!any) throw new CsvRefusedException(displayName, "the file has a header but no rows");
    }

    /// <summary>What a file is for, judged by its header; null where it fits no role.</summary>
    /// <exception cref="CsvRefusedException">It is empty, no text, or has no header.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static FileRole? Guess(string path) => Guess(path, Path.GetFileName(path));

    /// <summary>The same for a file that messages call otherwise.</summary>
    public static FileRole? Guess(string path, string displayName)
    {
        using var csv = new CsvInput(path, displayName);
        return PreferenceColumns.Guess(csv.Header);
    }

    private static ImportedRow ReadRow(CsvRecord record, int width, PreferenceColumns columns, FileRole role, Dictionary<string, long> firstLines)
    {
        var (line, cells) = record;
        string? id = null;
        try
        {
            if (cells.Length == 1 && cells[0].Length == 0) throw new RowException(null, "the line is blank");
            if (cells.Length != width) throw new RowException(null, Invariant($"the row has {cells.Length} cells, the header {width}"));
            id = ReadId(cells[columns[PreferenceColumns.Id]]);
            if (!firstLines.TryAdd(id, line)) throw WrongId(Invariant($"id {CellText.Shown(id)} is on line {firstLines[id]} already"));
            if (role == FileRole.Sample)
            {
                foreach (var name in Winners.Columns) CheckNumber(name, cells[columns[name]]);
                return new ImportedRow(line, id, null, null);
            }

            return new ImportedRow(line, id, ReadBattle(id, cells, columns, role), null);
        }
        catch (RowException error)
        {
            return new ImportedRow(line, id, null, new RowIssue(line, error.Column, error.Message, id));
        }
    }

    private static Battle ReadBattle(string id, string[] cells, PreferenceColumns columns, FileRole role)
    {
        var prompts = ReadTurns(PreferenceColumns.Prompt, cells, columns);
        if (prompts.Count == 0) throw new RowException(PreferenceColumns.Prompt, "the list of turns is empty");
        var a = ReadAnswers(PreferenceColumns.ResponseA, cells, columns, prompts.Count);
        var b = ReadAnswers(PreferenceColumns.ResponseB, cells, columns, prompts.Count);
        return new Battle(
            id,
            columns.Optional(PreferenceColumns.ModelA, cells),
            columns.Optional(PreferenceColumns.ModelB, cells),
            prompts,
            a,
            b,
            role == FileRole.Train ? ReadWinner(cells, columns) : null);
    }

    private static string ReadId(string id)
    {
        if (id.Length == 0) throw WrongId("the id is empty");
        if (id.Length > CsvLimits.IdCharacters) throw WrongId(Invariant($"the id has {id.Length} characters; {CsvLimits.IdCharacters} are allowed"));
        return id;
    }

    private static RowException WrongId(string reason) => new(PreferenceColumns.Id, reason);

    private static IReadOnlyList<string?> ReadAnswers(string name, string[] cells, PreferenceColumns columns, int turns)
    {
        var answers = ReadTurns(name, cells, columns);
        if (answers.Count == turns) return answers;
        throw new RowException(name, Invariant($"{answers.Count} turns, but the prompt has {turns}"));
    }

    private static IReadOnlyList<string?> ReadTurns(string name, string[] cells, PreferenceColumns columns)
    {
        try
        {
            return Turns.Parse(cells[columns[name]]);
        }
        catch (TurnsFormatException error)
        {
            throw new RowException(name, error.Message);
        }
    }

    private static Winner ReadWinner(string[] cells, PreferenceColumns columns)
    {
        Winner? winner = null;
        for (var i = 0; i < Winners.Count; i++)
        {
            var name = Winners.Columns[i];
            switch (cells[columns[name]])
            {
                case "0": continue;
                case "1" when winner is null: winner = (Winner)i; break;
                case "1": throw new RowException(name, $"there are two winners: {Winners.Columns[(int)winner]} is 1 too");
                case var other: throw new RowException(name, $"{CellText.Shown(other)} is neither 0 nor 1");
            }
        }

        return winner ?? throw new RowException(Winners.Columns[0], "there is no winner: all three columns are 0");
    }

    private static void CheckNumber(string name, string cell)
    {
        if (double.TryParse(cell, Decimal, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)) return;
        throw new RowException(name, $"{CellText.Shown(cell)} is not a number");
    }

    /// <summary>Leaves a row at its first fault.</summary>
    private sealed class RowException(string? column, string reason) : Exception(reason)
    {
        public string? Column { get; } = column;
    }
}
