using System.Globalization;
using LoraArena.Core.Battles;
using LoraArena.Data.Csv;
using static System.FormattableString;

namespace LoraArena.Data.Submissions;

/// <summary>What a check of a submission found.</summary>
/// <param name="Rows">Rows in the file.</param>
/// <param name="Errors">What would make Kaggle refuse or misread it.</param>
/// <param name="Warnings">What is allowed and yet probably a mistake.</param>
/// <param name="Mean">Mean probabilities of the readable rows; null where there are none.</param>
public sealed record SubmissionReport(int Rows, IReadOnlyList<string> Errors, IReadOnlyList<string> Warnings, Probabilities? Mean)
{
    /// <summary>True where nothing is wrong.</summary>
    public bool Accepted => Errors.Count == 0;
}

/// <summary>Checks a submission file before it is sent.</summary>
public static class SubmissionChecker
{
    private const int Shown = 5;
    private const double SumTolerance = 1e-6;

    /// <summary>Difference of mean probabilities from the validation rows' that is worth a warning.</summary>
    private const double MeanTolerance = 0.1;

    private static string[] Header { get; } = ["id", .. Winners.Columns];

    /// <summary>Checks a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="expectedIds">The ids that it must have: those of sample_submission.csv or test.csv.</param>
    /// <param name="validationMean">Mean of the same model's predictions on its validation rows, where known.</param>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static SubmissionReport Check(string path, IReadOnlyList<string> expectedIds, Probabilities? validationMean = null)
    {
        var check = new Run(expectedIds);
        try
        {
            using var csv = new CsvInput(path, Path.GetFileName(path));
            if (csv.Header.SequenceEqual(Header))
            {
                foreach (var record in csv.Records()) check.Add(record);
            }
            else
            {
                check.Errors.Add($"The columns must be {string.Join(", ", Header)}; the header is: {CellText.FirstFew(csv.Header)}.");
            }
        }
        catch (CsvRefusedException refusal)
        {
            check.Errors.Add(refusal.Message);
        }

        return check.Finish(validationMean);
    }

    /// <summary>The findings while the rows go by.</summary>
    private sealed class Run(IReadOnlyList<string> expectedIds)
    {
        private readonly HashSet<string> _expected = expectedIds.ToHashSet(StringComparer.Ordinal);
        private readonly Dictionary<string, long> _lines = new(StringComparer.Ordinal);
        private readonly Findings _badRows = new(), _twice = new(), _unknown = new(), _notFinite = new(), _outside = new(), _sums = new();
        private readonly Findings _certain = new(), _formulas = new();
        private readonly HashSet<Probabilities> _distinct = [];
        private double _a, _b, _tie;
        private int _rows, _readable;

        public List<string> Errors { get; } = [];

        public void Add(CsvRecord record)
        {
            _rows++;
            var (line, cells) = record;
            if (cells.Length != Header.Length)
            {
                _badRows.Add(line, Invariant($"{cells.Length} cells"));
                return;
            }

            var id = cells[0];
            if (!_lines.TryAdd(id, line)) _twice.Add(line, Invariant($"{CellText.Shown(id)}, first on line {_lines[id]}"));
            else if (!_expected.Contains(id)) _unknown.Add(line, CellText.Shown(id));
            if (id.Length > 0 && id[0] is '=' or '+' or '-' or '@' or '\t' or '\r') _formulas.Add(line, CellText.Shown(id));

            Span<double> p = stackalloc double[Winners.Count];
            for (var k = 0; k < p.Length; k++)
            {
                if (double.TryParse(cells[k + 1], NumberStyles.Float, CultureInfo.InvariantCulture, out p[k]) && double.IsFinite(p[k])) continue;
                _notFinite.Add(line, $"{Header[k + 1]} is {CellText.Shown(cells[k + 1])}");
                return;
            }

            foreach (var value in p)
            {
                if (value is >= 0 and <= 1) continue;
                _outside.Add(line, CsvOutput.Number(value));
                return;
            }

            var sum = p[0] + p[1] + p[2];
            if (Math.Abs(sum - 1) > SumTolerance) _sums.Add(line, CsvOutput.Number(sum));
            if (p.ContainsAny(0, 1)) _certain.Add(line, CellText.Shown(id));
            if (_distinct.Count < 2) _distinct.Add(new Probabilities(p[0], p[1], p[2]));
            _readable++;
            (_a, _b, _tie) = (_a + p[0], _b + p[1], _tie + p[2]);
        }

        public SubmissionReport Finish(Probabilities? validationMean)
        {
            if (_rows == 0 && Errors.Count == 0) Errors.Add("There are no rows.");
            _badRows.Tell(Errors, "row does not have four cells", "rows do not have four cells");
            _twice.Tell(Errors, "id is there twice", "ids are there twice");
            _unknown.Tell(Errors, "id is not one of those to be predicted", "ids are not among those to be predicted");
            if (_rows > 0)
            {
                var missing = new Findings();
                foreach (var id in expectedIds.Where(id => !_lines.ContainsKey(id))) missing.Add(null, CellText.Shown(id));
                missing.Tell(Errors, "id is missing", "ids are missing");
            }

            _notFinite.Tell(Errors, "row has a cell that is not a number", "rows have a cell that is not a number");
            _outside.Tell(Errors, "row has a number outside 0 to 1", "rows have a number outside 0 to 1");
            _sums.Tell(Errors, "row does not sum to 1", "rows do not sum to 1");

            var warnings = new List<string>();
            const string Certain = "a probability of exactly 0 or 1: a zero on a true class can cost 36 per row";
            const string Formula = "like a formula: do not open the file in a spreadsheet and save it";
            _certain.Tell(warnings, $"row has {Certain}", $"rows have {Certain}");
            _formulas.Tell(warnings, $"id begins {Formula}", $"ids begin {Formula}");
            if (_readable > 1 && _distinct.Count == 1) warnings.Add("All rows are the same.");
            var mean = _readable == 0 ? (Probabilities?)null : new Probabilities(_a / _readable, _b / _readable, _tie / _readable);
            if (mean is { } here && validationMean is { } there)
            {
                foreach (var winner in Enum.GetValues<Winner>().Where(winner => Math.Abs(here[winner] - there[winner]) > MeanTolerance))
                {
                    var means = Invariant($"is {here[winner]:0.000} here and {there[winner]:0.000} on the validation rows");
                    warnings.Add($"The mean of {Winners.Columns[(int)winner]} {means}: are the columns in the right order?");
                }
            }

            return new SubmissionReport(_rows, Errors, warnings, mean);
        }
    }

    /// <summary>Findings of one kind: counted, the first few kept.</summary>
    private sealed class Findings
    {
        private readonly List<string> _first = [];
        private int _count;

        public void Add(long? line, string what)
        {
            _count++;
            if (_first.Count < Shown) _first.Add(line is null ? what : Invariant($"line {line}: {what}"));
        }

        public void Tell(List<string> messages, string one, string several)
        {
            if (_count == 0) return;
            messages.Add(Invariant($"{_count} {(_count == 1 ? one : several)} ({string.Join("; ", _first)}{(_count > Shown ? "; …" : "")})."));
        }
    }
}
