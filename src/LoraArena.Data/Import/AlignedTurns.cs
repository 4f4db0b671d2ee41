using LoraArena.Core.Battles;
using static System.FormattableString;

namespace LoraArena.Data.Import;

/// <summary>
/// The texts of one row with as many turns in each answer as in the prompt. Where the cells differ, they are made to fit without losing a word:
/// turns that are missing are read as null, and those that are too many are joined to the last. The prompt, which decides the group that the
/// row belongs to, is touched only where it has more turns than a conversation may have.
/// </summary>
internal sealed class AlignedTurns
{
    private const string Joint = "\n\n";

    private readonly List<string> _repairs = [];

    private AlignedTurns(string[] cells, PreferenceColumns columns)
    {
        var texts = PreferenceColumns.Texts.ToDictionary(name => name, name => TextCell.Read(columns.Optional(name, cells)));
        if (texts.Values.All(text => !text.IsReadable)) throw Unreadable(texts);
        foreach (var (name, text) in texts)
        {
            if (text.Repair is { } repair) Add(name, repair);
        }

        var (a, b) = (texts[PreferenceColumns.ResponseA].Turns, texts[PreferenceColumns.ResponseB].Turns);
        Prompts = FitPrompt(texts[PreferenceColumns.Prompt].Turns, Math.Max(a.Count, b.Count));
        ResponsesA = Fit(PreferenceColumns.ResponseA, a, Prompts.Count);
        ResponsesB = Fit(PreferenceColumns.ResponseB, b, Prompts.Count);
    }

    public IReadOnlyList<string?> Prompts { get; }

    public IReadOnlyList<string?> ResponsesA { get; }

    public IReadOnlyList<string?> ResponsesB { get; }

    /// <summary>What was changed, in words.</summary>
    public IReadOnlyList<string> Repairs => _repairs;

    /// <summary>The first column that was changed.</summary>
    public string? RepairedColumn { get; private set; }

    /// <summary>Reads the three cells of a row, which may end before some of them.</summary>
    /// <exception cref="RowException">None of them can be read.</exception>
    public static AlignedTurns Read(string[] cells, PreferenceColumns columns) => new(cells, columns);

    private static RowException Unreadable(Dictionary<string, TextCell> texts)
    {
        if (PreferenceColumns.Texts.FirstOrDefault(name => texts[name].Fault is not null) is not { } first)
        {
            return new RowException(null, "the prompt and both answers are empty cells");
        }

        return new RowException(first, $"{texts[first].Fault}; nor can the other texts of the row be read");
    }

    private IReadOnlyList<string?> FitPrompt(IReadOnlyList<string?> prompts, int answers)
    {
        if (prompts.Count == 0)
        {
            var turns = Math.Clamp(answers, 1, Turns.Max);
            Add(
                PreferenceColumns.Prompt,
                turns == 1 ? "no turn: one without text takes its place" : Invariant($"no turn: {turns} without text take its place"));
            return new string?[turns];
        }

        if (prompts.Count <= Turns.Max) return prompts;
        Add(PreferenceColumns.Prompt, Invariant($"{prompts.Count} turns, and {Turns.Max} are allowed: those from the {Turns.Max}. on are joined"));
        return Join(prompts, Turns.Max);
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
        return Join(turns, wanted);
    }

    private static IReadOnlyList<string?> Join(IReadOnlyList<string?> turns, int wanted)
    {
        var last = turns.Skip(wanted - 1).OfType<string>().ToList();
        return [.. turns.Take(wanted - 1), last.Count == 0 ? null : string.Join(Joint, last)];
    }

    private void Add(string column, string how)
    {
        _repairs.Add(RepairedColumn is null || RepairedColumn == column ? how : $"{column}: {how}");
        RepairedColumn ??= column;
    }
}
