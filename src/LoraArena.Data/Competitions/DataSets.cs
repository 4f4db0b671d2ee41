using System.Security.Cryptography;
using LoraArena.Core.Battles;
using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;
using LoraArena.Data.Baselines;
using LoraArena.Data.Csv;
using LoraArena.Data.Import;

namespace LoraArena.Data.Competitions;

/// <summary>A file that has been taken in.</summary>
/// <param name="Report">What was found in it.</param>
/// <param name="Labelled">Its rows with labels; null where it was known already and has not been read again.</param>
internal sealed record KeptFile(ImportReport Report, IReadOnlyList<BaselineRow>? Labelled);

/// <summary>
/// Imported files, each in the folder named by the SHA-256 of its bytes: source.csv as it came, and for each role that it was read as
/// rows.&lt;role&gt;.csv and import.&lt;role&gt;.json, which is written last. A folder appears whole and its source never changes, so the
/// same bytes are kept once.
/// </summary>
internal sealed class DataSets(ArenaFolder arena)
{
    public const string SourceName = "source.csv";
    private const int RowsBetweenReports = 500;

    /// <summary>What an upload is for.</summary>
    /// <exception cref="CsvRefusedException">Its header fits no role.</exception>
    public static FileRole RoleOf(Upload upload, string fileName) => PreferenceCsv.Guess(upload.Source, fileName) ?? throw new CsvRefusedException(
        fileName,
        "this is neither train data (id, prompt, response_a, response_b and the three columns winner_model_a, winner_model_b, winner_tie), nor test "
        + "data (the same without winners), nor a sample submission (id and the three winner columns); "
        + $"the header is: {PreferenceCsv.ShowHeader(upload.Source, fileName)}");

    /// <summary>Reads every row of an upload, once, and keeps it as a data set.</summary>
    /// <exception cref="CsvRefusedException">The file cannot be used, or none of its rows can.</exception>
    public KeptFile Keep(Upload upload, string fileName, FileRole role, IProgress<ImportProgress>? progress, CancellationToken cancellation)
    {
        if (TryReadReport(upload.Sha256, role) is { Rules: ImportReport.CurrentRules } known && TryRestore(upload))
        {
            return new KeptFile(known with { FileName = fileName }, null);
        }

        var builder = new ReportBuilder(role);
        foreach (var row in PreferenceCsv.Read(upload.Source, fileName, role, cancellation))
        {
            builder.Add(row);
            if (builder.Rows % RowsBetweenReports == 0) progress?.Report(new ImportProgress(ImportStage.Reading, upload.Bytes, builder.Rows));
        }

        var rows = builder.ListRows();
        var report = builder.Build(fileName, upload.Sha256, upload.Bytes, rows);
        if (report.Accepted == 0)
        {
            var first = report.Rejections[0];
            var column = first.Column is null ? "" : $"{first.Column}: ";
            throw new CsvRefusedException(fileName, first.Line, null, $"none of the rows can be used; the first: {column}{first.Reason}");
        }

        Publish(upload, report, rows);
        return new KeptFile(report, builder.Labelled);
    }

    /// <summary>The rows of a data set without their texts, in order.</summary>
    public IReadOnlyList<ListedRow> ListRows(string sha256, FileRole role)
    {
        var report = ReadReport(sha256, role);
        var path = RowsPath(arena.Dataset(sha256), role);
        if (report.Rules == ImportReport.CurrentRules && RowList.TryRead(path) is { } stored) return stored;

        // Imported before there were such files.
        var builder = new ReportBuilder(role);
        foreach (var row in PreferenceCsv.Read(Source(sha256), report.FileName, role)) builder.Add(row);
        var rows = builder.ListRows();
        RowList.Write(path, rows);
        AtomicFile.WriteJson(ReportPath(arena.Dataset(sha256), role), builder.Build(report.FileName, sha256, report.Bytes, rows));
        return rows;
    }

    public IEnumerable<Battle> Battles(string sha256, FileRole role, CancellationToken cancellation)
    {
        if (role == FileRole.Sample) throw new ArgumentException("A sample submission holds no battles.", nameof(role));
        var name = ReadReport(sha256, role).FileName;
        return PreferenceCsv.Read(Source(sha256), name, role, cancellation).Where(row => row.Issue is null).Select(row => row.Battle!);
    }

    /// <summary>The battles of some listed rows: nothing else of the source is read.</summary>
    public IReadOnlyList<Battle> Battles(string sha256, FileRole role, IReadOnlyList<ListedRow> rows)
        => [.. PreferenceCsv.ReadAt(Source(sha256), ReadReport(sha256, role).FileName, role, rows.Select(row => row.Offset))];

    /// <summary>Checks that a source is still the file that was imported.</summary>
    /// <exception cref="CompetitionException">It is not, or it is not there.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public void Verify(string sha256, FileRole role)
    {
        var name = ReadReport(sha256, role).FileName;
        if (HashOfSource(sha256) is var hash && hash == sha256) return;
        throw new CompetitionException(
            $"The arena's copy of {name} ({Source(sha256)}) has been changed since it was imported: its SHA-256 is {hash}, not {sha256}. Import the file again.");
    }

    /// <summary>True where a data set is there, with its report.</summary>
    public bool Has(string sha256, FileRole role) => TryReadReport(sha256, role) is not null;

    public ImportReport ReadReport(string sha256, FileRole role)
        => TryReadReport(sha256, role) ?? throw new CompetitionException($"There is no {role.ToString().ToLowerInvariant()} data set {sha256} in this arena.");

    private ImportReport? TryReadReport(string sha256, FileRole role)
        => File.Exists(Source(sha256)) ? JsonFile.TryRead<ImportReport>(ReportPath(arena.Dataset(sha256), role)) : null;

    private void Publish(Upload upload, ImportReport report, IReadOnlyList<ListedRow> rows)
    {
        var folder = arena.Dataset(upload.Sha256);
        if (!Directory.Exists(folder))
        {
            Write(upload.Folder, report, rows);
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

        try
        {
            if (TryRestore(upload))
            {
                Write(folder, report, rows);
                return;
            }
        }
        catch (DirectoryNotFoundException) when (File.Exists(upload.Source))
        {
            // Deleted in this moment.
        }

        Publish(upload, report, rows);
    }

    private static void Write(string folder, ImportReport report, IReadOnlyList<ListedRow> rows)
    {
        RowList.Write(RowsPath(folder, report.Role), rows);
        AtomicFile.WriteJson(ReportPath(folder, report.Role), report);
    }

    /// <summary>Puts the file back where the arena's copy is gone or damaged; false where the data set has just been deleted altogether.</summary>
    private bool TryRestore(Upload upload)
    {
        try
        {
            if (!File.Exists(upload.Source) || (File.Exists(Source(upload.Sha256)) && HashOfSource(upload.Sha256) == upload.Sha256)) return true;
            AtomicFile.Publish(upload.Source, Source(upload.Sha256));
            return true;
        }
        catch (Exception error) when (error is DirectoryNotFoundException or FileNotFoundException && File.Exists(upload.Source))
        {
            return false;
        }
    }

    private string HashOfSource(string sha256)
    {
        using var file = new FileStream(Source(sha256), FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1, FileOptions.SequentialScan);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    private string Source(string sha256) => Path.Join(arena.Dataset(sha256), SourceName);

    private static string ReportPath(string folder, FileRole role) => Path.Join(folder, $"import.{role.ToString().ToLowerInvariant()}.json");

    private static string RowsPath(string folder, FileRole role) => Path.Join(folder, $"rows.{role.ToString().ToLowerInvariant()}.csv");
}
