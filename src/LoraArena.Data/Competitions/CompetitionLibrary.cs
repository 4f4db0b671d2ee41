using LoraArena.Core.Battles;
using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;
using LoraArena.Data.Baselines;
using LoraArena.Data.Csv;
using LoraArena.Data.Import;
using LoraArena.Data.Splits;
using static System.FormattableString;

namespace LoraArena.Data.Competitions;

/// <summary>
/// The competitions of an arena, on disk. Every change becomes visible at once and whole: a folder by its rename, a file by
/// <see cref="AtomicFile"/>. Any number of processes may use one arena.
/// </summary>
public sealed partial class CompetitionLibrary
{
    /// <summary>Characters that a competition's name may have.</summary>
    public const int MaxNameCharacters = 100;

    /// <summary>Size of an upload, unless told otherwise: 2 GiB.</summary>
    public const long DefaultMaxUploadBytes = 2L << 30;

    private const string CompetitionName = "competition.json";
    private static TimeSpan UploadLifetime { get; } = TimeSpan.FromDays(1);

    private readonly ArenaFolder _arena;
    private readonly TimeProvider _time;
    private readonly DataSets _dataSets;
    private readonly long _maxUploadBytes;

    /// <summary>Opens the competitions of an arena; its folders are made where they are missing.</summary>
    /// <param name="arena">The arena.</param>
    /// <param name="time">The clock of ids and dates.</param>
    /// <param name="maxUploadBytes">Largest file that may be imported.</param>
    public CompetitionLibrary(ArenaFolder arena, TimeProvider time, long maxUploadBytes = DefaultMaxUploadBytes)
    {
        (_arena, _time, _dataSets, _maxUploadBytes) = (arena, time, new DataSets(arena), maxUploadBytes);
        arena.Create();
    }

    /// <summary>Largest file that may be imported.</summary>
    public long MaxUploadBytes => _maxUploadBytes;

    /// <summary>All competitions, the oldest first. One whose competition.json cannot be read is left out: whoever keeps the index names it.</summary>
    public IReadOnlyList<Competition> List()
    {
        var ids = Directory.EnumerateDirectories(_arena.Competitions).Select(path => Path.GetFileName(path)!).Where(ArenaId.IsValid);
        return [.. ids.Order(StringComparer.Ordinal).Select(TryReadWhole).OfType<Competition>()];
    }

    /// <summary>The competition of that id or, whatever the case, of that name; null where there is none.</summary>
    /// <exception cref="JsonFileException">A competition.json cannot be read.</exception>
    public Competition? Find(string nameOrId)
        => (ArenaId.IsValid(nameOrId) ? TryRead(nameOrId) : null) ?? List().FirstOrDefault(competition => SameName(competition.Name, nameOrId.Trim()));

    /// <summary>The competition of an id.</summary>
    /// <exception cref="CompetitionException">There is none.</exception>
    public Competition Get(string id)
        => (ArenaId.IsValid(id) ? TryRead(id) : null) ?? throw new CompetitionException($"There is no competition '{CellText.Show(id, quoted: false)}'.");

    /// <summary>Makes a competition without files.</summary>
    /// <param name="name">1 to 100 visible characters; spaces at its ends go.</param>
    /// <param name="cancellation">Given up while another process makes one.</param>
    /// <exception cref="CompetitionException">The name cannot be used, or is taken.</exception>
    public async Task<Competition> CreateAsync(string name, CancellationToken cancellation = default)
    {
        name = CheckName(name);
        var competition = new Competition(ArenaId.New(_time), name, _time.GetUtcNow(), [], null);
        var folder = Path.Join(_arena.Uploads, competition.Id);
        try
        {
            Directory.CreateDirectory(folder);
            AtomicFile.WriteJson(Path.Join(folder, CompetitionName), competition);
            if (await PublishAsync(folder, competition, cancellation).ConfigureAwait(false) is null) return competition;
            throw new CompetitionException($"There is a competition '{name}' already; choose another name.");
        }
        finally
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Gives the finished folder of a new competition its place; returns the one that has its name already, if any, and then does nothing.</summary>
    private async Task<Competition?> PublishAsync(string folder, Competition competition, CancellationToken cancellation)
    {
        using var names = await FileLock.TakeAsync(Path.Join(_arena.Competitions, "names.lock"), cancellation).ConfigureAwait(false);
        if (List().FirstOrDefault(other => SameName(other.Name, competition.Name)) is { } there) return there;
        AtomicFile.PublishFolder(folder, _arena.Competition(competition.Id));
        return null;
    }

    /// <summary>The usable battles of a data set, in order, streamed from its file.</summary>
    /// <exception cref="CompetitionException">It was not imported in that role.</exception>
    public IEnumerable<Battle> ReadBattles(string sha256, FileRole role, CancellationToken cancellation = default)
        => _dataSets.Battles(sha256, role, cancellation);

    /// <summary>The battles of some of the accepted rows that <see cref="ListRows"/> lists, in the order given; nothing else of the file is read.</summary>
    /// <exception cref="CompetitionException">It was not imported in that role.</exception>
    /// <exception cref="CsvRefusedException">The arena's copy of the file has been changed.</exception>
    public IReadOnlyList<Battle> ReadBattles(string sha256, FileRole role, IReadOnlyList<ListedRow> rows) => _dataSets.Battles(sha256, role, rows);

    /// <summary>The rows of a data set without their texts, in order: also those that cannot be used, where they have an id.</summary>
    /// <exception cref="CompetitionException">It was not imported in that role.</exception>
    public IReadOnlyList<ListedRow> ListRows(string sha256, FileRole role) => _dataSets.ListRows(sha256, role);

    /// <summary>The rows of training data without their texts.</summary>
    /// <exception cref="CompetitionException">It was not imported as training data.</exception>
    public IReadOnlyList<LabelledRow> ListLabelled(string sha256)
        => [.. ListRows(sha256, FileRole.Train).Where(row => row.IsAccepted).Select(row => new LabelledRow(row.Id, row.Group, row.Winner!.Value))];

    /// <summary>Checks that the arena's copy of a file is still what was imported: called before a run reads it.</summary>
    /// <exception cref="CompetitionException">It has been changed, or was not imported in that role.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public void VerifySource(string sha256, FileRole role) => _dataSets.Verify(sha256, role);

    /// <summary>What came of importing a data set.</summary>
    /// <exception cref="CompetitionException">It was not imported in that role.</exception>
    public ImportReport ReadReport(string sha256, FileRole role) => _dataSets.ReadReport(sha256, role);

    /// <summary>
    /// What is odd about a competition's files beside one another: ids in train and test, a sample with other ids than the test data.
    /// Worked out at import; here it is read.
    /// </summary>
    /// <exception cref="CompetitionException">There is no such competition.</exception>
    public IReadOnlyList<string> CheckFiles(string competitionId)
    {
        var competition = Get(competitionId);
        return new CompetitionFiles(_arena.Competition(competitionId), _dataSets).Notes(competition);
    }

    /// <summary>A split of a competition.</summary>
    /// <exception cref="CompetitionException">There is none of that id.</exception>
    /// <exception cref="JsonFileException">Its file is damaged.</exception>
    public Split ReadSplit(string competitionId, string splitId)
    {
        var path = SplitPath(competitionId, splitId);
        var split = JsonFile.TryRead<Split>(path) ?? throw new CompetitionException($"The competition has no split '{splitId}'.");
        if (split.Id == splitId) return split;
        throw new JsonFileException(path, "the split has been changed since it was made; restore the file or add the new lists as another split");
    }

    /// <summary>Keeps a split. The same split again changes nothing.</summary>
    /// <param name="competitionId">The competition.</param>
    /// <param name="split">The split.</param>
    /// <param name="warnings">What speaks against it; kept with it.</param>
    /// <exception cref="SplitException">The split cannot be used.</exception>
    /// <exception cref="CompetitionException">There is no such competition.</exception>
    public Split AddSplit(string competitionId, Split split, IReadOnlyList<string>? warnings = null)
    {
        split.Check();
        Get(competitionId);
        return KeepSplit(_arena.Competition(competitionId), split, warnings);
    }

    private static Split KeepSplit(string folder, Split split, IReadOnlyList<string>? warnings)
    {
        var path = SplitIn(folder, split.Id);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        if (!File.Exists(path)) AtomicFile.WriteJson(path, split);
        if (warnings is not null || !File.Exists(SummaryPath(path))) AtomicFile.WriteJson(SummaryPath(path), SplitSummary.Of(split, warnings));
        return split;
    }

    /// <summary>All splits of a competition without their ids, by name.</summary>
    /// <exception cref="CompetitionException">There is no such competition.</exception>
    /// <exception cref="JsonFileException">A file of theirs is damaged.</exception>
    public IReadOnlyList<SplitSummary> ListSplits(string competitionId)
    {
        Get(competitionId);
        var folder = Path.Join(_arena.Competition(competitionId), "splits");
        if (!Directory.Exists(folder)) return [];
        var ids = Directory.EnumerateFiles(folder, "*.json").Select(path => Path.GetFileNameWithoutExtension(path)!).Where(Split.IsId);
        return [.. ids.Select(id => ReadSummary(competitionId, id))
            .OrderBy(split => split.Name, StringComparer.Ordinal)
            .ThenBy(split => split.Id, StringComparer.Ordinal)];
    }

    /// <summary>Deletes what interrupted uploads left, once it is older than a day.</summary>
    /// <returns>What could not be deleted, and why: it keeps nothing else from being swept.</returns>
    public IReadOnlyList<string> SweepUploads() => SweepUploads(entry =>
    {
        if (entry is DirectoryInfo folder) folder.Delete(recursive: true);
        else entry.Delete();
    });

    internal IReadOnlyList<string> SweepUploads(Action<FileSystemInfo> delete)
    {
        var left = new List<string>();
        var limit = _time.GetUtcNow().UtcDateTime - UploadLifetime;
        foreach (var entry in new DirectoryInfo(_arena.Uploads).EnumerateFileSystemInfos().Where(entry => entry.LastWriteTimeUtc < limit).ToList())
        {
            try
            {
                delete(entry);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                left.Add($"{entry.FullName}, left by an interrupted upload, cannot be deleted: {error.Message}");
            }
        }

        return left;
    }

    /// <summary>The scores of all baselines on a split, from the simplest on; they are worked out where they are not there yet.</summary>
    /// <param name="competitionId">The competition; it needs training data.</param>
    /// <param name="splitId">A split of it.</param>
    /// <param name="fold">The fold that validates, where the split has folds.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="CompetitionException">There is no such competition or split, or no training data.</exception>
    /// <exception cref="SplitException">The split has no such fold, or its rows are not in the training data.</exception>
    public IReadOnlyList<BaselineResult> EvaluateBaselines(string competitionId, string splitId, int? fold = null, CancellationToken cancellation = default)
    {
        var competition = Get(competitionId);
        var train = competition.File(FileRole.Train) ?? throw new CompetitionException($"Competition '{competition.Name}' has no training data yet.");
        var runner = Baselines(competitionId, splitId, fold);
        if (runner.Stored(train.Sha256) is { } stored) return stored;
        var split = ReadSplit(competitionId, splitId);
        split.Assign(fold);
        try
        {
            return Evaluate(train.Sha256);
        }
        catch (SplitException)
        {
            // A split of rows that came with an earlier file: they are scored as they stand there, and no later look reads a file for them.
            foreach (var earlier in competition.Earlier.Select(e => e.File).Where(f => f.Role == FileRole.Train).Reverse())
            {
                if (TryEvaluate(earlier.Sha256) is not { } found) continue;
                runner.CountFor(train.Sha256);
                return found;
            }

            throw;
        }

        IReadOnlyList<BaselineResult> Evaluate(string sha256) => runner.Evaluate(
            sha256, split, fold, () => ReadBattles(sha256, FileRole.Train, cancellation).Select(BaselineRow.Of), cancellation);

        IReadOnlyList<BaselineResult>? TryEvaluate(string sha256)
        {
            try
            {
                return Evaluate(sha256);
            }
            catch (Exception error) when (error is SplitException or CompetitionException)
            {
                // Not of that file either, or it is not in the arena any more.
                return null;
            }
        }
    }

    /// <summary>What a baseline says about the validation rows of a split on which the baselines have been scored.</summary>
    /// <exception cref="CompetitionException">There is no such competition, split or baseline, or it has not been scored.</exception>
    public IEnumerable<Prediction> ReadBaseline(string competitionId, string splitId, int? fold, string baselineId)
        => Baselines(competitionId, splitId, fold).Predictions(baselineId)
            ?? throw new CompetitionException($"There is no baseline '{baselineId}' of this split.");

    /// <summary>The summaries of the baselines' losses on a split, with their scores; they are worked out where they are not there yet.</summary>
    /// <exception cref="CompetitionException">As in <see cref="EvaluateBaselines"/>.</exception>
    /// <exception cref="SplitException">As in <see cref="EvaluateBaselines"/>.</exception>
    public IReadOnlyList<BoardBaseline> BaselinesOfBoard(string competitionId, string splitId, int? fold, CancellationToken cancellation = default)
    {
        var results = EvaluateBaselines(competitionId, splitId, fold, cancellation);
        var runner = Baselines(competitionId, splitId, fold);
        return [.. results.Select(r => new BoardBaseline(r.Id, r.Name, r.Scores, runner.Losses(r.Id)!))];
    }

    private BaselineRunner Baselines(string competitionId, string splitId, int? fold) => BaselinesIn(_arena.Competition(competitionId), splitId, fold);

    private static BaselineRunner BaselinesIn(string folder, string splitId, int? fold)
    {
        CheckSplitId(splitId);
        return new BaselineRunner(Path.Join(folder, "baselines", fold is null ? splitId : Invariant($"{splitId}.fold-{fold}")));
    }

    /// <summary>A split without its ids.</summary>
    /// <exception cref="CompetitionException">There is no such split.</exception>
    public SplitSummary ReadSummary(string competitionId, string splitId)
    {
        var path = SummaryPath(SplitPath(competitionId, splitId));
        if (JsonFile.TryReadDerived<SplitSummary>(path) is { } stored && stored.Id == splitId) return stored;
        var summary = SplitSummary.Of(ReadSplit(competitionId, splitId));
        AtomicFile.WriteJson(path, summary);
        return summary;
    }

    private Competition? TryReadWhole(string id)
    {
        try
        {
            return TryRead(id);
        }
        catch (JsonFileException)
        {
            return null;
        }
    }

    private Competition? TryRead(string id) => JsonFile.TryRead<Competition>(Path.Join(_arena.Competition(id), CompetitionName));

    private string SplitPath(string competitionId, string splitId) => SplitIn(_arena.Competition(competitionId), splitId);

    private static string SplitIn(string folder, string splitId)
    {
        CheckSplitId(splitId);
        return Path.Join(folder, "splits", splitId + ".json");
    }

    private static string SummaryPath(string splitPath) => Path.ChangeExtension(splitPath, ".summary.json");

    private static void CheckSplitId(string splitId)
    {
        if (!Split.IsId(splitId)) throw new CompetitionException($"'{CellText.Show(splitId, quoted: false)}' is not the id of a split.");
    }

    private static bool SameName(string name, string other) => string.Equals(name, other, StringComparison.OrdinalIgnoreCase);

    private static string CheckName(string name)
    {
        name = name.Trim();
        if (name.Length == 0) throw new CompetitionException("A competition needs a name.");
        if (name.Length > MaxNameCharacters)
        {
            throw new CompetitionException(Invariant($"The name has {name.Length} characters; {MaxNameCharacters} are allowed."));
        }

        if (CellText.IsVisible(name)) return name;
        throw new CompetitionException($"The name has characters that cannot be seen: {CellText.Show(name)}");
    }
}

/// <summary>A competition, data set or split that is not there, or a name that cannot be used.</summary>
public class CompetitionException(string message) : Exception(message);
