using LoraArena.Core.Battles;
using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Runs;
using LoraArena.Data.Csv;
using LoraArena.Data.Import;

namespace LoraArena.Data.Competitions;

/// <summary>
/// Imported files, each in the folder named by the SHA-256 of its bytes: source.csv as it came, and import.&lt;role&gt;.json with what was found
/// when it was read as that. A folder appears whole and its source never changes, so the same bytes are kept once.
/// </summary>
internal sealed class DataSets(ArenaFolder arena)
{
    public const string SourceName = "source.csv";
    private const int RowsBetweenReports = 500;

    /// <summary>Reads every row of an upload and keeps it as a data set.</summary>
    /// <exception cref="CsvRefusedException">The file cannot be used, or none of its rows can.</exception>
    public ImportReport Keep(Upload upload, string fileName, FileRole? wanted, IProgress<ImportProgress>? progress, CancellationToken cancellation)
    {
        var role = wanted ?? PreferenceCsv.Guess(upload.Source, fileName) ?? throw new CsvRefusedException(
            fileName,
            "this is neither train data (id, prompt, response_a, response_b and the three winner columns), nor test data (the same without winners), "
            + "nor a sample submission (id and the three winner columns)");
        if (TryReadReport(upload.Sha256, role) is { } known) return known with { FileName = fileName };

        var report = new ReportBuilder(role);
        foreach (var row in PreferenceCsv.Read(upload.Source, fileName, role, cancellation))
        {
            report.Add(row);
            if (report.Rows % RowsBetweenReports == 0) progress?.Report(new ImportProgress(ImportStage.Reading, upload.Bytes, report.Rows));
        }

        var result = report.Build(fileName, upload.Sha256, upload.Bytes);
        if (result.Accepted == 0)
        {
            var first = result.Rejections[0];
            var column = first.Column is null ? "" : $"{first.Column}: ";
            throw new CsvRefusedException(fileName, first.Line, null, $"none of the rows can be used; the first: {column}{first.Reason}");
        }

        Publish(upload, result);
        return result;
    }

    /// <summary>Ids of the rows that can be used, in order.</summary>
    public IEnumerable<string> Ids(string sha256, FileRole role) => Rows(sha256, role, CancellationToken.None).Select(row => row.Id!);

    public IEnumerable<Battle> Battles(string sha256, FileRole role, CancellationToken cancellation)
    {
        if (role == FileRole.Sample) throw new ArgumentException("A sample submission holds no battles.", nameof(role));
        return Rows(sha256, role, cancellation).Select(row => row.Battle!);
    }

    public ImportReport ReadReport(string sha256, FileRole role)
        => TryReadReport(sha256, role) ?? throw new CompetitionException($"There is no {role.ToString().ToLowerInvariant()} data set {sha256} in this arena.");

    private IEnumerable<ImportedRow> Rows(string sha256, FileRole role, CancellationToken cancellation)
        => PreferenceCsv.Read(Source(sha256), ReadReport(sha256, role).FileName, role, cancellation).Where(row => row.Issue is null);

    private ImportReport? TryReadReport(string sha256, FileRole role)
        => File.Exists(Source(sha256)) ? RunFile.TryRead<ImportReport>(ReportPath(arena.Dataset(sha256), role)) : null;

    private void Publish(Upload upload, ImportReport report)
    {
        var folder = arena.Dataset(upload.Sha256);
        if (!Directory.Exists(folder))
        {
            AtomicFile.WriteJson(ReportPath(upload.Folder, report.Role), report);
            try
            {
                AtomicFile.PublishFolder(upload.Folder, folder);
                return;
            }
            catch (IOException) when (Directory.Exists(folder))
            {
                // Somebody else has imported the same bytes in the meantime.
            }
        }

        AtomicFile.WriteJson(ReportPath(folder, report.Role), report);
    }

    private string Source(string sha256) => Path.Join(arena.Dataset(sha256), SourceName);

    private static string ReportPath(string folder, FileRole role) => Path.Join(folder, $"import.{role.ToString().ToLowerInvariant()}.json");
}
