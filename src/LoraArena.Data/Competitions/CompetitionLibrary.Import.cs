using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Data.Baselines;
using LoraArena.Data.Csv;
using LoraArena.Data.Splits;

namespace LoraArena.Data.Competitions;

// How files get into a competition.
public sealed partial class CompetitionLibrary
{
    private const int MaxFileNameCharacters = 200;

    /// <summary>
    /// Imports a file: takes it in, reads every row once, keeps it as a data set and puts it into the competition. All of that happens or
    /// nothing does. The same bytes again give the same data set. Rejected rows are listed; a file without any usable row is refused.
    /// Training data also gets its default split, with the baselines scored on it.
    /// </summary>
    /// <param name="competitionId">The competition.</param>
    /// <param name="content">The file's bytes, read once.</param>
    /// <param name="fileName">Its name at the user's; only shown.</param>
    /// <param name="role">What it is for; null tells it from the header.</param>
    /// <param name="replace">Take the place of another file of that role; that one goes into the list of earlier files.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellation">Ends it, leaving nothing behind.</param>
    /// <exception cref="CompetitionException">There is no such competition.</exception>
    /// <exception cref="FileInPlaceException">It has another file of that role, and replacing it was not asked for.</exception>
    /// <exception cref="UploadTooLargeException">The file is larger than uploads may be.</exception>
    /// <exception cref="CsvRefusedException">The file cannot be used.</exception>
    /// <exception cref="IOException">The disk is full, or the sender broke off.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public async Task<ImportReport> ImportAsync(
        string competitionId,
        Stream content,
        string fileName,
        FileRole? role = null,
        bool replace = false,
        IProgress<ImportProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        var competition = Get(competitionId);
        return (await ImportAsync(competition, competition.Name, content, fileName, role, replace, progress, cancellation).ConfigureAwait(false)).Report;
    }

    /// <summary>
    /// Imports a file into the competition of a name, which is made where there is none: with the file in it, so that one that is refused or
    /// cut off leaves no empty competition behind. Otherwise as
    /// <see cref="ImportAsync(string, Stream, string, FileRole?, bool, IProgress{ImportProgress}?, CancellationToken)"/>.
    /// </summary>
    /// <param name="competitionName">Name or id of a competition, or the name of a new one.</param>
    /// <param name="content">The file's bytes, read once.</param>
    /// <param name="fileName">Its name at the user's; only shown.</param>
    /// <param name="role">What it is for; null tells it from the header.</param>
    /// <param name="replace">Take the place of another file of that role.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellation">Ends it, leaving nothing behind.</param>
    /// <exception cref="CompetitionException">The name cannot be used.</exception>
    public async Task<(Competition Competition, ImportReport Report)> ImportAsNamedAsync(
        string competitionName,
        Stream content,
        string fileName,
        FileRole? role = null,
        bool replace = false,
        IProgress<ImportProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        var competition = Find(competitionName);
        if (competition is null) CheckName(competitionName);
        return await ImportAsync(competition, competitionName, content, fileName, role, replace, progress, cancellation).ConfigureAwait(false);
    }

    private async Task<(Competition Competition, ImportReport Report)> ImportAsync(
        Competition? competition,
        string name,
        Stream content,
        string fileName,
        FileRole? wanted,
        bool replace,
        IProgress<ImportProgress>? progress,
        CancellationToken cancellation)
    {
        fileName = CellText.Show(fileName.Split('/', '\\')[^1], quoted: false, max: MaxFileNameCharacters);
        using var upload = await Upload.ReceiveAsync(_arena, _time, content, _maxUploadBytes, progress, cancellation).ConfigureAwait(false);
        var kept = await Task.Run(
            () =>
            {
                var role = wanted ?? DataSets.RoleOf(upload, fileName);
                if (competition is not null && !replace) CheckPlace(Get(competition.Id), role, upload.Sha256, fileName);
                return _dataSets.Keep(upload, fileName, role, progress, cancellation);
            },
            cancellation).ConfigureAwait(false);
        competition ??= Find(name);
        competition = competition is null
            ? await MakeAsync(CheckName(name), kept, replace, progress, cancellation).ConfigureAwait(false)
            : await AddAsync(competition.Id, kept, replace, progress, cancellation).ConfigureAwait(false);

        // Found there above, and deleted with another competition before this one named it.
        if (!_dataSets.Has(kept.Report.Sha256, kept.Report.Role))
        {
            await Task.Run(() => _dataSets.Keep(upload, fileName, kept.Report.Role, progress, cancellation), cancellation).ConfigureAwait(false);
        }

        return (competition, kept.Report with { Notes = await Task.Run(() => CheckFiles(competition.Id), cancellation).ConfigureAwait(false) });
    }

    /// <summary>Makes a competition with its first file. Both appear at once: what is cut off before leaves no empty competition behind.</summary>
    private async Task<Competition> MakeAsync(
        string name, KeptFile kept, bool replace, IProgress<ImportProgress>? progress, CancellationToken cancellation)
    {
        var id = ArenaId.New(_time);
        var folder = Path.Join(_arena.Uploads, id);
        try
        {
            Directory.CreateDirectory(folder);
            var split = await PrepareAsync(folder, kept, progress, cancellation).ConfigureAwait(false);
            var competition = With(new Competition(id, name, _time.GetUtcNow(), [], null), kept.Report, split);
            AtomicFile.WriteJson(Path.Join(folder, CompetitionName), competition);
            if (await PublishAsync(folder, competition, cancellation).ConfigureAwait(false) is not { } faster) return competition;
            return await AddAsync(faster.Id, kept, replace, progress, cancellation).ConfigureAwait(false);
        }
        finally
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        }
    }

    private async Task<Competition> AddAsync(
        string competitionId, KeptFile kept, bool replace, IProgress<ImportProgress>? progress, CancellationToken cancellation)
    {
        var split = await PrepareAsync(_arena.Competition(competitionId), kept, progress, cancellation).ConfigureAwait(false);
        return await PutAsync(competitionId, kept.Report, split, replace, cancellation).ConfigureAwait(false);
    }

    /// <summary>Draws the default split of training data and scores the baselines on it; null for other files, and where there is one prompt.</summary>
    private Task<Split?> PrepareAsync(string folder, KeptFile kept, IProgress<ImportProgress>? progress, CancellationToken cancellation)
        => kept.Report.Role == FileRole.Train ? Task.Run(() => Prepare(folder, kept, progress, cancellation), cancellation) : Task.FromResult<Split?>(null);

    private Split? Prepare(string folder, KeptFile kept, IProgress<ImportProgress>? progress, CancellationToken cancellation)
    {
        var report = kept.Report;
        progress?.Report(new ImportProgress(ImportStage.Preparing, report.Bytes, report.Rows));
        Split split;
        try
        {
            split = GroupedStratified.HoldOut(kept.Labelled?.Select(row => new LabelledRow(row.Id, row.Group, row.Winner)) ?? ListLabelled(report.Sha256));
        }
        catch (SplitException)
        {
            // One prompt cannot stand on two sides; the report says so.
            return null;
        }

        KeepSplit(folder, split, warnings: null);
        BaselinesIn(folder, split.Id, fold: null).Evaluate(
            report.Sha256,
            split,
            fold: null,
            () => kept.Labelled ?? ReadBattles(report.Sha256, FileRole.Train, cancellation).Select(BaselineRow.Of),
            cancellation);
        return split;
    }

    /// <exception cref="FileInPlaceException">There is another file of that role.</exception>
    private void CheckPlace(Competition competition, FileRole role, string sha256, string fileName)
    {
        if (competition.File(role) is { } there && there.Sha256 != sha256) throw FileInPlaceException.Of(_arena, competition, there, fileName);
    }

    /// <summary>The moment at which an import happens: competition.json changes. Two imports at once do not lose one another's change.</summary>
    private async Task<Competition> PutAsync(string competitionId, ImportReport report, Split? split, bool replace, CancellationToken cancellation)
    {
        var folder = _arena.Competition(competitionId);
        using var held = await FileLock.TakeAsync(Path.Join(folder, "competition.lock"), cancellation).ConfigureAwait(false);
        var competition = Get(competitionId);
        if (!replace) CheckPlace(competition, report.Role, report.Sha256, report.FileName);
        competition = With(competition, report, split);
        AtomicFile.WriteJson(Path.Join(folder, CompetitionName), competition);
        return competition;
    }

    /// <summary>The competition with a file in its place.</summary>
    private Competition With(Competition competition, ImportReport report, Split? split)
    {
        var now = _time.GetUtcNow();
        var file = new CompetitionFile(report.Role, report.FileName, report.Sha256, now, report.Accepted, report.Rejected);
        var earlier = competition.File(report.Role) is { } before && before.Sha256 != file.Sha256 ? [new EarlierFile(before, now)] : (EarlierFile[])[];
        return competition with
        {
            Files = [.. competition.Files.Where(other => other.Role != report.Role).Append(file).OrderBy(other => other.Role)],
            DefaultSplit = report.Role == FileRole.Train ? split?.Id : competition.DefaultSplit,
            Earlier = [.. competition.Earlier, .. earlier],
        };
    }
}
