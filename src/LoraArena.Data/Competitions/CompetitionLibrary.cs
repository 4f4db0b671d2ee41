using LoraArena.Core.Battles;
using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
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
public sealed class CompetitionLibrary
{
    /// <summary>Characters that a competition's name may have.</summary>
    public const int MostNameCharacters = 100;

    /// <summary>Size of an upload, unless told otherwise: 2 GiB.</summary>
    public const long DefaultMostUploadBytes = 2L << 30;

    private const string CompetitionName = "competition.json";
    private const int MostFileNameCharacters = 200;
    private static TimeSpan UploadLifetime { get; } = TimeSpan.FromDays(1);

    private readonly ArenaFolder _arena;
    private readonly TimeProvider _time;
    private readonly DataSets _dataSets;
    private readonly long _mostUploadBytes;

    /// <summary>Opens the competitions of an arena; its folders are made where they are missing.</summary>
    /// <param name="arena">The arena.</param>
    /// <param name="time">The clock of ids and dates.</param>
    /// <param name="mostUploadBytes">Largest file that may be imported.</param>
    public CompetitionLibrary(ArenaFolder arena, TimeProvider time, long mostUploadBytes = DefaultMostUploadBytes)
    {
        (_arena, _time, _dataSets, _mostUploadBytes) = (arena, time, new DataSets(arena), mostUploadBytes);
        arena.Create();
    }

    /// <summary>All competitions, the oldest first.</summary>
    /// <exception cref="RunFileException">A competition.json cannot be read.</exception>
    public IReadOnlyList<Competition> List()
    {
        var ids = Directory.EnumerateDirectories(_arena.Competitions).Select(path => Path.GetFileName(path)!).Where(ArenaId.IsValid);
        return [.. ids.Order(StringComparer.Ordinal).Select(TryRead).OfType<Competition>()];
    }

    /// <summary>The competition of that id or, whatever the case, of that name; null where there is none.</summary>
    /// <exception cref="RunFileException">A competition.json cannot be read.</exception>
    public Competition? Find(string nameOrId)
        => (ArenaId.IsValid(nameOrId) ? TryRead(nameOrId) : null) ?? List().FirstOrDefault(competition => SameName(competition.Name, nameOrId.Trim()));

    /// <summary>The competition of an id.</summary>
    /// <exception cref="CompetitionException">There is none.</exception>
    public Competition Get(string id)
        => (ArenaId.IsValid(id) ? TryRead(id) : null) ?? throw new CompetitionException($"There is no competition '{CellText.Shown(id, quoted: false)}'.");

    /// <summary>Makes a competition without files.</summary>
    /// <param name="name">1 to 100 visible characters; spaces at its ends go.</param>
    /// <param name="cancellation">Given up while another process makes one.</param>
    /// <exception cref="CompetitionException">The name cannot be used, or is taken.</exception>
    public async Task<Competition> CreateAsync(string name, CancellationToken cancellation = default)
    {
        name = CheckName(name);
        using var names = await FileLock.TakeAsync(Path.Join(_arena.Competitions, "names.lock"), cancellation).ConfigureAwait(false);
        if (List().Any(other => SameName(other.Name, name))) throw new CompetitionException($"There is a competition '{name}' already; choose another name.");
        var competition = new Competition(ArenaId.New(_time), name, _time.GetUtcNow(), [], null);
        var folder = Path.Join(_arena.Uploads, competition.Id);
        Directory.CreateDirectory(folder);
        AtomicFile.WriteJson(Path.Join(folder, CompetitionName), competition);
        AtomicFile.PublishFolder(folder, _arena.Competition(competition.Id));
        return competition;
    }

    /// <summary>
    /// Imports a file: takes it in, reads every row, keeps it as a data set and puts it into the competition in place of an earlier one of its role.
    /// All of that happens or nothing does. The same bytes again give the same data set. Rejected rows are listed; a file without any usable row is refused.
    /// Training data also gets its default split, with the baselines scored on it.
    /// </summary>
    /// <param name="competitionId">The competition.</param>
    /// <param name="content">The file's bytes, read once.</param>
    /// <param name="fileName">Its name at the user's; only shown.</param>
    /// <param name="role">What it is for; null tells it from the header.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellation">Ends it, leaving nothing behind.</param>
    /// <exception cref="CompetitionException">There is no such competition.</exception>
    /// <exception cref="UploadTooLargeException">The file is larger than uploads may be.</exception>
    /// <exception cref="CsvRefusedException">The file cannot be used.</exception>
    /// <exception cref="IOException">The disk is full, or the sender broke off.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public async Task<ImportReport> ImportAsync(
        string competitionId,
        Stream content,
        string fileName,
        FileRole? role = null,
        IProgress<ImportProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        Get(competitionId);
        fileName = CellText.Shown(fileName.Split('/', '\\')[^1], quoted: false, most: MostFileNameCharacters);
        using var upload = await Upload.ReceiveAsync(_arena, _time, content, _mostUploadBytes, progress, cancellation).ConfigureAwait(false);
        var (report, split) = await Task.Run(
            () =>
            {
                var report = _dataSets.Keep(upload, fileName, role, progress, cancellation);
                return (report, report.Role == FileRole.Train ? Prepare(competitionId, report, progress, cancellation) : null);
            },
            cancellation).ConfigureAwait(false);
        await PutAsync(competitionId, report, split, cancellation).ConfigureAwait(false);
        return report with { Notes = CheckFiles(competitionId) };
    }

    /// <summary>The usable battles of a data set, in order, streamed from its file.</summary>
    /// <exception cref="CompetitionException">It was not imported in that role.</exception>
    public IEnumerable<Battle> ReadBattles(string sha256, FileRole role, CancellationToken cancellation = default)
        => _dataSets.Battles(sha256, role, cancellation);

    /// <summary>The ids of a sample submission, in order.</summary>
    /// <exception cref="CompetitionException">It was not imported as a sample.</exception>
    public IReadOnlyList<string> ReadSample(string sha256) => [.. _dataSets.Ids(sha256, FileRole.Sample)];

    /// <summary>What came of importing a data set.</summary>
    /// <exception cref="CompetitionException">It was not imported in that role.</exception>
    public ImportReport ReadReport(string sha256, FileRole role) => _dataSets.ReadReport(sha256, role);

    /// <summary>What is odd about a competition's files beside one another: ids in train and test, a sample with other ids than the test data.</summary>
    /// <exception cref="CompetitionException">There is no such competition.</exception>
    public IReadOnlyList<string> CheckFiles(string competitionId)
    {
        var competition = Get(competitionId);
        if (competition.Files.Count < 2) return [];
        return CompetitionFiles.Compare(Ids(FileRole.Train), Ids(FileRole.Test), Ids(FileRole.Sample));

        IReadOnlyList<string> Ids(FileRole role) => competition.File(role) is { } file ? [.. _dataSets.Ids(file.Sha256, role)] : [];
    }

    /// <summary>A split of a competition.</summary>
    /// <exception cref="CompetitionException">There is none of that id.</exception>
    /// <exception cref="RunFileException">Its file is damaged.</exception>
    public Split ReadSplit(string competitionId, string splitId)
    {
        var path = SplitPath(competitionId, splitId);
        var split = RunFile.TryRead<Split>(path) ?? throw new CompetitionException($"The competition has no split '{splitId}'.");
        if (split.Id == splitId) return split;
        throw new RunFileException(path, "the split has been changed since it was made; restore the file or add the new lists as another split");
    }

    /// <summary>Keeps a split. The same split again changes nothing.</summary>
    /// <exception cref="SplitException">The split cannot be used.</exception>
    /// <exception cref="CompetitionException">There is no such competition.</exception>
    public Split AddSplit(string competitionId, Split split)
    {
        split.Check();
        Get(competitionId);
        var path = SplitPath(competitionId, split.Id);
        if (File.Exists(path)) return split;
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        AtomicFile.WriteJson(path, split);
        return split;
    }

    /// <summary>All splits of a competition, by name.</summary>
    /// <exception cref="CompetitionException">There is no such competition.</exception>
    public IReadOnlyList<Split> ListSplits(string competitionId)
    {
        Get(competitionId);
        var folder = Path.Join(_arena.Competition(competitionId), "splits");
        if (!Directory.Exists(folder)) return [];
        var splits = Directory.EnumerateFiles(folder, "*.json").Select(path => Path.GetFileNameWithoutExtension(path)!).Where(Split.IsId).Select(id => ReadSplit(competitionId, id));
        return [.. splits.OrderBy(split => split.Name, StringComparer.Ordinal).ThenBy(split => split.Id, StringComparer.Ordinal)];
    }

    /// <summary>Deletes what interrupted uploads left, once it is older than a day.</summary>
    public void SweepUploads()
    {
        var limit = _time.GetUtcNow().UtcDateTime - UploadLifetime;
        foreach (var entry in new DirectoryInfo(_arena.Uploads).EnumerateFileSystemInfos().Where(entry => entry.LastWriteTimeUtc < limit))
        {
            if (entry is DirectoryInfo folder) folder.Delete(recursive: true);
            else entry.Delete();
        }
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
        var runner = Baselines(competitionId, ReadSplit(competitionId, splitId), fold);
        return runner.Evaluate(train.Sha256, () => ReadBattles(train.Sha256, FileRole.Train, cancellation), cancellation);
    }

    /// <summary>What a baseline says about the validation rows of a split on which the baselines have been scored.</summary>
    /// <exception cref="CompetitionException">There is no such competition, split or baseline, or it has not been scored.</exception>
    public IEnumerable<Prediction> ReadBaseline(string competitionId, string splitId, int? fold, string baselineId)
        => Baselines(competitionId, ReadSplit(competitionId, splitId), fold).Predictions(baselineId)
            ?? throw new CompetitionException($"There is no baseline '{baselineId}' of this split.");

    /// <summary>The summaries of the baselines' losses on a split, with their scores; they are worked out where they are not there yet.</summary>
    /// <exception cref="CompetitionException">As in <see cref="EvaluateBaselines"/>.</exception>
    /// <exception cref="SplitException">As in <see cref="EvaluateBaselines"/>.</exception>
    public IReadOnlyList<BoardBaseline> BaselinesOfBoard(string competitionId, string splitId, int? fold, CancellationToken cancellation = default)
    {
        var results = EvaluateBaselines(competitionId, splitId, fold, cancellation);
        var runner = Baselines(competitionId, ReadSplit(competitionId, splitId), fold);
        return [.. results.Select(r => new BoardBaseline(r.Id, r.Name, r.Scores, runner.Losses(r.Id)!))];
    }

    private BaselineRunner Baselines(string competitionId, Split split, int? fold)
        => new(Path.Join(_arena.Competition(competitionId), "baselines", fold is null ? split.Id : Invariant($"{split.Id}.fold-{fold}")), split, fold);

    /// <summary>Draws the default split of training data and scores the baselines on it; null where the data has one prompt only.</summary>
    private Split? Prepare(string competitionId, ImportReport report, IProgress<ImportProgress>? progress, CancellationToken cancellation)
    {
        progress?.Report(new ImportProgress(ImportStage.Preparing, report.Bytes, report.Rows));
        IEnumerable<Battle> Battles() => ReadBattles(report.Sha256, FileRole.Train, cancellation);
        Split split;
        try
        {
            split = AddSplit(competitionId, GroupedStratified.HoldOut(Battles()));
        }
        catch (SplitException)
        {
            // One prompt cannot stand on two sides.
            return null;
        }

        Baselines(competitionId, split, fold: null).Evaluate(report.Sha256, Battles, cancellation);
        return split;
    }

    /// <summary>The moment at which an import happens: competition.json changes. Two imports at once do not lose one another's change.</summary>
    private async Task PutAsync(string competitionId, ImportReport report, Split? split, CancellationToken cancellation)
    {
        var folder = _arena.Competition(competitionId);
        using var held = await FileLock.TakeAsync(Path.Join(folder, "competition.lock"), cancellation).ConfigureAwait(false);
        var competition = Get(competitionId);
        var file = new CompetitionFile(report.Role, report.FileName, report.Sha256, _time.GetUtcNow(), report.Accepted, report.Rejected);
        AtomicFile.WriteJson(Path.Join(folder, CompetitionName), competition with
        {
            Files = [.. competition.Files.Where(other => other.Role != report.Role).Append(file).OrderBy(other => other.Role)],
            DefaultSplit = report.Role == FileRole.Train ? split?.Id : competition.DefaultSplit,
        });
    }

    private Competition? TryRead(string id) => RunFile.TryRead<Competition>(Path.Join(_arena.Competition(id), CompetitionName));

    private string SplitPath(string competitionId, string splitId)
    {
        if (!Split.IsId(splitId)) throw new CompetitionException($"'{CellText.Shown(splitId, quoted: false)}' is not the id of a split.");
        return Path.Join(_arena.Competition(competitionId), "splits", splitId + ".json");
    }

    private static bool SameName(string name, string other) => string.Equals(name, other, StringComparison.OrdinalIgnoreCase);

    private static string CheckName(string name)
    {
        name = name.Trim();
        if (name.Length == 0) throw new CompetitionException("A competition needs a name.");
        if (name.Length > MostNameCharacters)
        {
            throw new CompetitionException(Invariant($"The name has {name.Length} characters; {MostNameCharacters} are allowed."));
        }

        if (CellText.Shown(name, quoted: false, most: int.MaxValue) == name) return name;
        throw new CompetitionException($"The name has characters that cannot be seen: {CellText.Shown(name)}");
    }
}

/// <summary>A competition, data set or split that is not there, or a name that cannot be used.</summary>
public sealed class CompetitionException(string message) : Exception(message);
