using LoraArena.Core.Battles;

namespace LoraArena.Data.Import;

/// <summary>What one cell says, read as a list of turns or as near to one as it can be.</summary>
/// <param name="Turns">The turns, however many.</param>
/// <param name="IsReadable">True where the cell itself says what its turns are; false where that is a guess.</param>
/// <param name="Repair">How the cell was read where it is not a list of turns; null where it is.</param>
/// <param name="Fault">Why it is not a list of turns, where its own text had to stand for one.</param>
internal sealed record TextCell(IReadOnlyList<string?> Turns, bool IsReadable, string? Repair = null, string? Fault = null)
{
    /// <summary>Reads a cell; null stands for one that the row does not have.</summary>
    public static TextCell Read(string? cell)
    {
        if (cell is null) return new TextCell([], false, "the row ends before it");
        switch (cell.AsSpan().Trim())
        {
            case "": return new TextCell([], false, "the cell is empty");
            case "null": return new TextCell([], true, "null in place of a list of turns");

            // What Python writes where a table has no value.
            case ("NaN" or "nan" or "None") and var missing: return new TextCell([], false, $"{missing} in place of a list of turns");
        }

        try
        {
            return new TextCell(Core.Battles.Turns.Parse(cell, int.MaxValue), true);
        }
        catch (TurnsFormatException error)
        {
            return Core.Battles.Turns.ParseText(cell) is { } text
                ? new TextCell([text], true, "one text in place of a list of turns")
                : new TextCell([cell], false, $"{error.Message}: the cell's own text is read as one turn", error.Message);
        }
    }
}
