using System.Globalization;
using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;
using LoraArena.Data.Csv;
using static System.FormattableString;

namespace LoraArena.Data.Competitions;

/// <summary>A competition has a file of that role already, and replacing it was not asked for. The message names it and what depends on it.</summary>
public sealed class FileInPlaceException : CompetitionException
{
    private const int MaxNames = 3;

    private FileInPlaceException(CompetitionFile file, IReadOnlyList<string> runs, string message)
        : base(message) => (File, Runs) = (file, runs);

    /// <summary>The file that is there.</summary>
    public CompetitionFile File { get; }

    /// <summary>Names of the runs that depend on it.</summary>
    public IReadOnlyList<string> Runs { get; }

    /// <summary>Looks up what depends on the file.</summary>
    internal static FileInPlaceException Of(ArenaFolder arena, Competition competition, CompetitionFile file, string newName)
    {
        var runs = RunsOn(arena, competition, file).ToList();
        var date = file.Imported.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        var what = file.Role switch
        {
            FileRole.Train => "training data",
            FileRole.Test => "test data",
            _ => "a sample submission",
        };
        var message = Invariant($"{newName}: competition '{competition.Name}' has {what} already ({file.Name}, {file.Rows:#,0} rows, imported {date})")
            + Dependents(file.Role, runs)
            + " It is replaced only when that is asked for; the earlier file then stays in the competition's list.";
        return new FileInPlaceException(file, runs, message);
    }

    private static string Dependents(FileRole role, List<string> runs)
    {
        if (runs.Count == 0) return ", which no run depends on so far.";
        var names = string.Join(", ", runs.Take(MaxNames).Select(name => CellText.Show(name, quoted: false))) + (runs.Count > MaxNames ? ", …" : "");
        var (count, verb) = runs.Count == 1 ? ("1 run", "was") : (Invariant($"{runs.Count:#,0} runs"), "were");
        return role switch
        {
            FileRole.Train => $": {count} {verb} scored on it ({names}); new runs will not be comparable with them.",
            FileRole.Test => $": {count} {verb} made for it ({names}); submissions of theirs will not fit the new one.",
            _ => $": the {(runs.Count == 1 ? "submission" : "submissions")} of {count} {(runs.Count == 1 ? "follows" : "follow")} it ({names}).",
        };
    }

    /// <summary>Folders are the truth: a run's spec names the files that it is made with.</summary>
    private static IEnumerable<string> RunsOn(ArenaFolder arena, Competition competition, CompetitionFile file)
    {
        foreach (var folder in Directory.EnumerateDirectories(arena.Runs).Order(StringComparer.Ordinal))
        {
            RunSpec spec;
            try
            {
                spec = RunSpec.Read(new RunFolder(folder).Spec);
            }
            catch (JsonFileException)
            {
                // A damaged run depends on nothing that can be told.
                continue;
            }

            if (spec.Competition.Id != competition.Id) continue;
            var used = file.Role switch
            {
                FileRole.Train => spec.Data.Train == file.Sha256,
                FileRole.Test => spec.Data.Test == file.Sha256,
                _ => spec.Data.Test is not null && spec.Data.Test == competition.File(FileRole.Test)?.Sha256,
            };
            if (used) yield return spec.Name;
        }
    }
}
