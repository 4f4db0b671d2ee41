using LoraArena.Core.Battles;
using LoraArena.Core.Competitions;
using LoraArena.Data.Import;

namespace LoraArena.Data.Competitions;

/// <summary>Counts the rows of a file while they stream by.</summary>
internal sealed class ReportBuilder(FileRole role)
{
    private readonly List<RowIssue> _rejections = [];
    private readonly SortedDictionary<Winner, int> _labels = [];
    private readonly List<int> _answerLengths = [];
    private int _accepted, _rejected, _severalTurns, _nullTurns;

    public int Rows => _accepted + _rejected;

    public void Add(ImportedRow row)
    {
        if (row.Issue is { } issue)
        {
            _rejected++;
            if (_rejections.Count < ImportReport.MostRejections) _rejections.Add(issue);
            return;
        }

        _accepted++;
        if (row.Battle is not { } battle) return;
        if (battle.Winner is { } winner) _labels[winner] = _labels.GetValueOrDefault(winner) + 1;
        if (battle.Prompts.Count > 1) _severalTurns++;
        if (battle.Prompts.Contains(null) || battle.ResponsesA.Contains(null) || battle.ResponsesB.Contains(null)) _nullTurns++;
        _answerLengths.Add(battle.ResponsesA.Sum(turn => turn?.Length ?? 0));
        _answerLengths.Add(battle.ResponsesB.Sum(turn => turn?.Length ?? 0));
    }

    public ImportReport Build(string fileName, string sha256, long bytes) => new(
        role,
        fileName,
        sha256,
        bytes,
        Rows,
        _accepted,
        Repaired: 0,
        _rejected,
        _rejections,
        role == FileRole.Sample ? null : Statistics());

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
