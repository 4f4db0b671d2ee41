using System.Globalization;
using LoraArena.Core.Battles;
using LoraArena.Data.Csv;
using static System.FormattableString;

namespace LoraArena.Data.Submissions;

/// <summary>The findings while the rows of a submission go by.</summary>
internal sealed class RowCheck
{
    /// <summary>Sums of single-precision numbers are off by so much, however many digits are written.</summary>
    private const double SumTolerance = 1e-6;

    /// <summary>Digits at which rounding begins to cost: 0.0005 on a probability of 0.1 is half a per cent of it.</summary>
    private const int FewDigits = 3;

    /// <summary>Difference of mean probabilities from the validation rows' that is worth a warning.</summary>
    private const double MeanTolerance = 0.1;

    private readonly IReadOnlyList<string> _expectedIds;
    private readonly Dictionary<string, long> _lines;
    private readonly Findings _badRows = new(), _twice = new(), _unknown = new(), _notNumbers = new(), _outside = new(), _sums = new();
    private readonly Findings _certain = new(), _formulas = new(), _rounded = new();
    private readonly HashSet<Probabilities> _distinct = [];
    private double _a, _b, _tie;
    private int _rows, _readable, _fractionIds, _percent;

    /// <summary>A check against the ids that there must be.</summary>
    public RowCheck(IReadOnlyList<string> expectedIds)
    {
        _expectedIds = expectedIds;
        _lines = new Dictionary<string, long>(expectedIds.Count, StringComparer.Ordinal);
        foreach (var id in expectedIds) _lines[id] = 0;
    }

    public List<string> Errors { get; } = [];

    public void Add(CsvRecord record)
    {
        _rows++;
        var (line, cells, _) = record;
        var id = cells[0];
        var place = Invariant($"line {line}, id {CellText.Show(id)}");
        if (cells.Length != SubmissionChecker.Header.Length)
        {
            _badRows.Add(cells.Length == 1 && id.Length == 0
                ? Invariant($"line {line} is blank")
                : Invariant($"{place}: {cells.Length} {(cells.Length == 1 ? "cell" : "cells")}"));
            return;
        }

        CheckId(id, line, place);
        Span<double> p = stackalloc double[Winners.Count];
        for (var k = 0; k < p.Length; k++)
        {
            if (double.TryParse(cells[k + 1], NumberStyles.Float, CultureInfo.InvariantCulture, out p[k]) && double.IsFinite(p[k])) continue;
            if (cells[k + 1].EndsWith('%')) _percent++;
            _notNumbers.Add($"{place}: {SubmissionChecker.Header[k + 1]} is {CellText.Show(cells[k + 1])}");
            return;
        }

        CheckProbabilities(p, cells, place);
    }

    public SubmissionReport Finish(Probabilities? validationMean)
    {
        if (_rows == 0 && Errors.Count == 0) Errors.Add("There are no rows.");
        _badRows.WriteTo(Errors, "row does not have four cells", "rows do not have four cells");
        _twice.WriteTo(Errors, "id is there twice", "ids are there twice");
        var fractions = _fractionIds == 0 ? "" : "; ids are written as fractions (12.0 in place of 12): keep the id column as text";
        _unknown.WriteTo(Errors, "id is not one of those to be predicted", "ids are not among those to be predicted", fractions);
        if (_rows > 0)
        {
            var missing = new Findings();
            foreach (var id in _expectedIds.Where(id => _lines[id] == 0)) missing.Add(CellText.Show(id));
            missing.WriteTo(Errors, "id is missing", "ids are missing");
        }

        var percent = _percent == 0 ? "" : "; write 0.25, not 25 or 25%";
        _notNumbers.WriteTo(Errors, "row has a cell that is not a number", "rows have a cell that is not a number", _notNumbers.Count > 0 ? percent : "");
        _outside.WriteTo(Errors, "row has a number outside 0 to 1", "rows have a number outside 0 to 1", percent);
        _sums.WriteTo(Errors, "row does not sum to 1", "rows do not sum to 1");

        var warnings = new List<string>();
        const string Certain = "a probability of exactly 0 or 1: a zero on a true class can cost 36 per row";
        const string Formula = "like a formula: do not open the file in a spreadsheet and save it";
        const string Rounded = "written with three digits or fewer, which costs a little: write all digits";
        _certain.WriteTo(warnings, $"row has {Certain}", $"rows have {Certain}");
        _rounded.WriteTo(warnings, $"row is {Rounded}", $"rows are {Rounded}");
        _formulas.WriteTo(warnings, $"id begins {Formula}", $"ids begin {Formula}");
        if (_readable > 1 && _distinct.Count == 1) warnings.Add("All rows are the same.");
        var mean = _readable == 0 ? (Probabilities?)null : new Probabilities(_a / _readable, _b / _readable, _tie / _readable);
        if (mean is { } here && validationMean is { } there) CompareMeans(here, there, warnings);
        return new SubmissionReport(_rows, Errors, warnings, mean);
    }

    private void CheckId(string id, long line, string place)
    {
        // Ids that are not expected are only counted: a file may have any number of them.
        if (!_lines.TryGetValue(id, out var first))
        {
            _unknown.Add(place);
            if (id.EndsWith(".0", StringComparison.Ordinal) && _lines.ContainsKey(id[..^2])) _fractionIds++;
        }
        else if (first > 0)
        {
            _twice.Add(Invariant($"{place}, first on line {first}"));
        }
        else
        {
            _lines[id] = line;
        }

        if (id.Length > 0 && id[0] is '=' or '+' or '-' or '@' or '\t' or '\r') _formulas.Add(place);
    }

    private void CheckProbabilities(ReadOnlySpan<double> p, string[] cells, string place)
    {
        var sum = p[0] + p[1] + p[2];
        foreach (var value in p)
        {
            if (value is >= 0 and <= 1) continue;
            if (Math.Abs(sum - 100) < 1) _percent++;
            _outside.Add($"{place}: {CsvOutput.Number(value)}");
            return;
        }

        var digits = Math.Max(DigitCount.Of(cells[1]), Math.Max(DigitCount.Of(cells[2]), DigitCount.Of(cells[3])));
        var off = Math.Abs(sum - 1);
        if (off > Tolerance(digits)) _sums.Add($"{place}: {CsvOutput.Number(Math.Round(sum, 12))}");
        else if (off > SumTolerance && digits <= FewDigits) _rounded.Add(Invariant($"{place}: sums to {CsvOutput.Number(Math.Round(sum, 12))}"));
        if (p.ContainsAny(0, 1)) _certain.Add(place);
        if (_distinct.Count < 2) _distinct.Add(new Probabilities(p[0], p[1], p[2]));
        _readable++;
        (_a, _b, _tie) = (_a + p[0], _b + p[1], _tie + p[2]);
    }

    /// <summary>
    /// How far from 1 the sum of three numbers may be that were rounded to so many digits: half a unit of the last digit each. The row's longest
    /// number tells the digits, since tools leave zeros at the end away. One digit explains nothing: nobody rounds probabilities to tenths.
    /// </summary>
    private static double Tolerance(int digits) => digits < 2 ? SumTolerance : Math.Max(SumTolerance, (1.5 * Math.Pow(10, -digits)) + 1e-12);

    private static void CompareMeans(Probabilities here, Probabilities there, List<string> warnings)
    {
        foreach (var winner in Enum.GetValues<Winner>().Where(winner => Math.Abs(here[winner] - there[winner]) > MeanTolerance))
        {
            var means = Invariant($"is {here[winner]:0.000} here and {there[winner]:0.000} on the validation rows");
            warnings.Add($"The mean of {Winners.Columns[(int)winner]} {means}: are the columns in the right order?");
        }
    }
}
