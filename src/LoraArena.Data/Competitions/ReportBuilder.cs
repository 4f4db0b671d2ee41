using LoraArena.Core.Battles;
using LoraArena.Core.Competitions;
using LoraArena.Data.Baselines;
using LoraArena.Data.Csv;
using LoraArena.Data.Import;
using LoraArena.Data.Splits;
using static System.FormattableString;

namespace LoraArena.Data.Competitions;

/// <summary>Takes from the rows of a file, while they stream by once, all that is asked of them later but their texts.</summary>
internal sealed class ReportBuilder(FileRole role)
{
    private readonly List<RowIssue> _rejections = [], _repairs = [];
    private readonly List<ListedRow> _rows = [];
    private readonly List<BaselineRow> _labelled = [];
    private readonly SortedDictionary<Winner, int> _labels = [];
    private readonly List<int> _answerLengths = [];
    private readonly List<long> _linesWithoutId = [];
    private int _accepted, _repaired, _rejected, _severalTurns, _nullTurns;

    public int Rows => _accepted + _rejected;

    /// <summary>The accepted rows of training data, for the split and the baselines.</summary>
    public IReadOnlyList<BaselineRow> Labelled => _labelled;

    public void Add(ImportedRow row)
    {
        if (row.Issue is { } issue)
        {
            _rejected++;
            if (_rejections.Count < ImportReport.MaxListed) _rejections.Add(issue);
            if (row.Id is { } id) _rows.Add(new ListedRow(id, "", null, IsAccepted: false));
            else if (!row.IsBlank) _linesWithoutId.Add(row.Line);
            return;
        }

        _accepted++;
        if (row.Repair is { } repair)
        {
            _repaired++;
            if (_repairs.Count < ImportReport.MaxListed) _repairs.Add(repair);
        }

        Add(row.Id!, row.Battle, row.Offset);
    }

    /// <summary>Ids of the file, each once, in order: also of rows that cannot be used.</summary>
    public IReadOnlyList<ListedRow> ListRows()
    {
        var accepted = _rows.Where(row => row.IsAccepted).Select(row => row.Id).ToHashSet(StringComparer.Ordinal);
        return [.. _rows.Where(row => row.IsAccepted || accepted.Add(row.Id))];
    }

    public ImportReport Build(string fileName, string sha256, long bytes, IReadOnlyList<ListedRow> rows) => new(
        role,
        fileName,
        sha256,
        bytes,
        Rows,
        _accepted,
        _repaired,
        _rejected,
        _rejections,
        role == FileRole.Sample ? null : Statistics())
    {
        Rules = ImportReport.CurrentRules,
        Repairs = _repairs,
        Warnings = [.. Warnings(rows)],
    };

    private void Add(string id, Battle? battle, long offset)
    {
        if (battle is null)
        {
            _rows.Add(new ListedRow(id, "", null, IsAccepted: true));
            return;
        }

        var group = PromptGroup.Key(battle);
        _rows.Add(new ListedRow(id, group, battle.Winner, IsAccepted: true)
        {
            Offset = offset,
            Slices = battle.Winner is null ? [] : [.. Slices.Of(battle)],
        });
        if (battle.Winner is { } winner)
        {
            _labels[winner] = _labels.GetValueOrDefault(winner) + 1;
            _labelled.Add(BaselineRow.Of(battle, group));
        }

        if (battle.Prompts.Count > 1) _severalTurns++;
        if (battle.Prompts.Contains(null) || battle.ResponsesA.Contains(null) || battle.ResponsesB.Contains(null)) _nullTurns++;
        _answerLengths.Add(battle.ResponsesA.Sum(turn => turn?.Length ?? 0));
        _answerLengths.Add(battle.ResponsesB.Sum(turn => turn?.Length ?? 0));
    }

    private IEnumerable<string> Warnings(IReadOnlyList<ListedRow> rows)
    {
        if (role == FileRole.Test && Incomplete(rows) is { } incomplete) yield return incomplete;
        if (role != FileRole.Train) yield break;
        foreach (var winner in Enum.GetValues<Winner>().Where(winner => !_labels.ContainsKey(winner)))
        {
            var what = winner == Winner.Tie ? "No row is a tie" : $"No row is won by {winner.Name()}";
            yield return $"{what}: a model that is trained on this file learns that it never happens, and pays dearly where test.csv has such rows.";
        }

        if (_labelled.Count > 1 && _labelled.All(row => row.Group == _labelled[0].Group))
        {
            yield return "All rows have the same prompt, and rows of one prompt stay together: no hold-out can be drawn, so nothing can be scored. "
                + "Name the rows that validate yourself: arena run --split FILE, with a file {\"train\": [ids], \"validation\": [ids]}.";
        }
        else if (_labelled.Count == 1)
        {
            yield return "There is one row only: no hold-out can be drawn, so nothing can be scored.";
        }
    }

    private string? Incomplete(IReadOnlyList<ListedRow> rows)
    {
        var lost = rows.Where(row => !row.IsAccepted).Select(row => row.Id).ToList();
        var count = lost.Count + _linesWithoutId.Count;
        if (count == 0) return null;
        var places = new List<string>();
        if (lost.Count > 0) places.Add($"{(lost.Count == 1 ? "id" : "ids")} {CellText.FirstFew(lost)}");
        if (_linesWithoutId.Count > 0)
        {
            var lines = _linesWithoutId.Select(line => Invariant($"{line}")).ToList();
            places.Add($"without an id: {(lines.Count == 1 ? "line" : "lines")} {CellText.FirstFew(lines)}");
        }

        var what = count == 1 ? "1 row cannot be predicted" : Invariant($"{count:#,0} rows cannot be predicted");
        var them = count == 1 ? "it" : "them";
        return $"{what} ({string.Join("; ", places)}): no submission will be complete without {them}. Mend {them} and import the file again.";
    }

    private ImportStatistics Statistics()
        => new(_labels.ToDictionary(pair => pair.Key.Name(), pair => pair.Value), _severalTurns, _nullTurns, MedianAnswer());

    private double MedianAnswer()
    {
        if (_answerLengths.Count == 0) return 0;
        _answerLengths.Sort();
        var middle = _answerLengths.Count / 2;
        return (_answerLengths[middle - 1] + _answerLengths[middle]) / 2.0;
    }
}
