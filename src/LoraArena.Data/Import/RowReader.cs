using System.Globalization;
using LoraArena.Core.Battles;
using LoraArena.Core.Competitions;
using LoraArena.Data.Csv;
using static System.FormattableString;

namespace LoraArena.Data.Import;

/// <summary>Makes a battle of the cells of one row, or says why not.</summary>
/// <param name="columns">Where the columns stand.</param>
/// <param name="role">What the file is for.</param>
/// <param name="width">Cells of a row.</param>
internal sealed class RowReader(PreferenceColumns columns, FileRole role, int width)
{
    private const NumberStyles Decimal = NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent | NumberStyles.AllowLeadingSign;

    /// <summary>Reads a row.</summary>
    /// <param name="record">The row.</param>
    /// <param name="lineOf">Line of an accepted row of the same id; null where there is none.</param>
    public ImportedRow Read(CsvRecord record, Func<string, long?> lineOf)
    {
        var (line, cells, fault) = record;
        string? id = null;
        try
        {
            if (fault is null && cells.Length == 1 && cells[0].Length == 0) throw new RowException(null, ImportedRow.BlankLine);

            // A row that cannot be used is named by its id where it has one: no submission is complete without it.
            if (columns[PreferenceColumns.Id] < cells.Length) id = ReadId(cells[columns[PreferenceColumns.Id]]);
            var damage = fault ?? (cells.Length == width ? null : Invariant($"the row has {cells.Length} cells, the header {width}"));

            // Which cells of a damaged row are which is sure enough to predict it, but neither to train on it nor to take its numbers.
            if (damage is not null && (id is null || role != FileRole.Test)) throw new RowException(null, damage);
            if (lineOf(id!) is { } first) throw WrongId(Invariant($"id {CellText.Show(id!)} is on line {first} already"));
            if (role == FileRole.Sample)
            {
                foreach (var name in Winners.Columns) CheckNumber(name, cells[columns[name]]);
                return new ImportedRow(line, id, null, null);
            }

            var turns = ReadTurns(cells, damage);
            var battle = new Battle(
                id!,
                columns.Optional(PreferenceColumns.ModelA, cells),
                columns.Optional(PreferenceColumns.ModelB, cells),
                turns.Prompts,
                turns.ResponsesA,
                turns.ResponsesB,
                role == FileRole.Train ? ReadWinner(cells) : null);
            return new ImportedRow(line, id, battle, null, Repair(line, id!, turns, damage)) { Offset = record.Offset };
        }
        catch (RowException error)
        {
            return new ImportedRow(line, id, null, new RowIssue(line, error.Column, error.Message, id));
        }
    }

    /// <summary>True for cells that make a row beyond doubt: as many as the header has, each of them what its column must hold.</summary>
    public bool IsWholeRow(string[] cells)
        => cells.Length == width
            && (role == FileRole.Sample || PreferenceColumns.Texts.All(name => IsList(cells[columns[name]])))
            && Read(new CsvRecord(0, cells), _ => null).Issue is null;

    private static bool IsList(string cell) => cell.AsSpan().TrimStart() is ['[', ..] && TextCell.Read(cell).IsReadable;

    private AlignedTurns ReadTurns(string[] cells, string? damage)
    {
        try
        {
            return AlignedTurns.Read(cells, columns);
        }
        catch (RowException) when (damage is not null)
        {
            // Why nothing can be read is that the row as a whole is damaged.
            throw new RowException(null, damage);
        }
    }

    private static RowIssue? Repair(long line, string id, AlignedTurns turns, string? damage)
    {
        if (damage is null) return turns.Repairs.Count == 0 ? null : new RowIssue(line, turns.RepairedColumn, string.Join("; ", turns.Repairs), id);
        var how = turns.Repairs.Count == 0 ? "what follows its texts is passed over" : $"{turns.RepairedColumn}: {string.Join("; ", turns.Repairs)}";
        return new RowIssue(line, null, $"{damage}; {how}", id);
    }

    private static string ReadId(string id)
    {
        if (id.Length == 0) throw WrongId("the id is empty");
        if (id.Length > CsvLimits.IdCharacters) throw WrongId(Invariant($"the id has {id.Length} characters; {CsvLimits.IdCharacters} are allowed"));
        return id;
    }

    private static RowException WrongId(string reason) => new(PreferenceColumns.Id, reason);

    private Winner ReadWinner(string[] cells)
    {
        Winner? winner = null;
        for (var i = 0; i < Winners.Count; i++)
        {
            var name = Winners.Columns[i];
            switch (ReadFlag(cells[columns[name]]))
            {
                case false: continue;
                case true when winner is null: winner = (Winner)i; break;
                case true: throw new RowException(name, $"there are two winners: {Winners.Columns[(int)winner]} is 1 too");
                case null: throw new RowException(name, $"{CellText.Show(cells[columns[name]])} is neither 0 nor 1");
            }
        }

        return winner ?? throw new RowException(Winners.Columns[0], "there is no winner: all three columns are 0");
    }

    /// <summary>0 or 1, also as tools write them that keep whole numbers as fractions (1.0, 0.000, 1e0).</summary>
    private static bool? ReadFlag(string cell) => cell switch
    {
        "0" => false,
        "1" => true,
        _ when double.TryParse(cell, Decimal, CultureInfo.InvariantCulture, out var number) => number == 0 ? false : number == 1 ? true : null,
        _ => null,
    };

    private static void CheckNumber(string name, string cell)
    {
        if (double.TryParse(cell, Decimal, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)) return;
        throw new RowException(name, $"{CellText.Show(cell)} is not a number");
    }
}

/// <summary>Leaves a row at its first fault.</summary>
internal sealed class RowException(string? column, string reason) : Exception(reason)
{
    public string? Column { get; } = column;
}
