using LoraArena.Core.Battles;
using static System.FormattableString;

namespace LoraArena.Data.Import;

/// <summary>
/// The texts of one row with as many turns in each answer as in the prompt. Where the cells differ, they are made to fit without losing a word
/// and without touching the prompt, which decides the group that the row belongs to: turns that are missing are read as null, and those
/// that are too many are joined to the last.
/// </summary>
internal sealed class AlignedTurns
{
    private const string Joint = "\n\n";

    private readonly List<string> _repairs = [];

    private AlignedTurns(string[] cells, PreferenceColumns columns)
    {
        var empty = PreferenceColumns.Texts.Where(name => string.IsNullOrWhiteSpace(cells[columns[name]])).ToList();
        if (empty.Count == PreferenceColumns.Texts.Count) throw new RowException(null, "the prompt and both answers are empty cells");
        var prompts = ReadTurns(PreferenceColumns.Prompt, cells, columns);
        var a = ReadTurns(PreferenceColumns.ResponseA, cells, columns);
        var b = ReadTurns(PreferenceColumns.ResponseB, cells, columns);
        if (prompts.Count == 0)
        {
            var turns = Math.Max(1, Math.Max(a.Count, b.Count));
            Add(
                PreferenceColumns.Prompt,
                turns == 1 ? "no turn: one without text takes its place" : Invariant($"no turn: {turns} without text take its place"));
            prompts = new string?[turns];
        }

        (Prompts, ResponsesA, ResponsesB) = (prompts, Fit(PreferenceColumns.ResponseA, a, prompts.Count), Fit(PreferenceColumns.ResponseB, b, prompts.Count));
    }

    public IReadOnlyList<string?> Prompts { get; }

    public IReadOnlyList<string?> ResponsesA { get; }

    public IReadOnlyList<string?> ResponsesB { get; }

    /// <summary>What was changed, in words.</summary>
    public IReadOnlyList<string> Repairs => _repairs;

    /// <summary>The first column that was changed.</summary>
    public string? RepairedColumn { get; private set; }

    /// <summary>Reads the three cells of a row.</summary>
    /// <exception cref="RowException">One of them cannot be read.</exception>
    public static AlignedTurns Read(string[] cells, PreferenceColumns columns) => new(cells, columns);

    private IReadOnlyList<string?> ReadTurns(string name, string[] cells, PreferenceColumns columns)
    {
        var cell = cells[columns[name]];
        if (string.IsNullOrWhiteSpace(cell) || cell.AsSpan().Trim() is "null")
        {
            Add(name, string.IsNullOrWhiteSpace(cell) ? "the cell is empty" : "null in place of a list of turns");
            return [];
        }

        try
        {
            return Turns.Parse(cell);
        }
        catch (TurnsFormatException error)
        {
            if (Turns.ParseText(cell) is not { } text) throw new RowException(name, error.Message);
            Add(name, "one text in place of a list of turns");
            return [text];
        }
    }

    private IReadOnlyList<string?> Fit(string name, IReadOnlyList<string?> turns, int wanted)
    {
        if (turns.Count == wanted) return turns;
        var have = Invariant($"{turns.Count} {(turns.Count == 1 ? "turn" : "turns")}, but the prompt has {wanted}");
        if (turns.Count < wanted)
        {
            Add(name, have + (wanted - turns.Count == 1 ? ": the missing one is read as null" : ": the missing ones are read as null"));
            return [.. turns, .. new string?[wanted - turns.Count]];
        }

        Add(name, Invariant($"{have}: those from the {wanted}. on are joined"));
        var last = turns.Skip(wanted - 1).OfType<string>().ToList();
        return [.. turns.Take(wanted - 1), last.Count == 0 ? null : string.Join(Joint, last)];
    }

    private void Add(string column, string how)
    {
        _repairs.Add(RepairedColumn is null || RepairedColumn == column ? how : $"{column}: {how}");
        RepairedColumn ??= column;
    }
}
