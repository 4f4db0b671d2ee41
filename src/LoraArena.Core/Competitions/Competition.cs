namespace LoraArena.Core.Competitions;

/// <summary>A competition: the file competition.json in its folder.</summary>
/// <param name="Id">Folder name.</param>
/// <param name="Name">Display name; unique in an arena.</param>
/// <param name="Created">When it was made.</param>
/// <param name="Files">What has been imported, newest of each role.</param>
/// <param name="DefaultSplit">Id of the split that runs use unless told otherwise; null until there is training data.</param>
public sealed record Competition(string Id, string Name, DateTimeOffset Created, IReadOnlyList<CompetitionFile> Files, string? DefaultSplit)
{
    /// <summary>Files that others have taken the place of, the newest last. Their data sets stay.</summary>
    public IReadOnlyList<EarlierFile> Earlier { get; init; } = [];

    /// <summary>The file of a role, or null.</summary>
    public CompetitionFile? File(FileRole role) => Files.FirstOrDefault(f => f.Role == role);
}

/// <summary>One imported file.</summary>
/// <param name="Role">What it is for.</param>
/// <param name="Name">Its name at the user's.</param>
/// <param name="Sha256">SHA-256 of its bytes: its folder under datasets/.</param>
/// <param name="Imported">When it was taken in, UTC.</param>
/// <param name="Rows">Rows accepted.</param>
/// <param name="Rejected">Rows rejected.</param>
public sealed record CompetitionFile(FileRole Role, string Name, string Sha256, DateTimeOffset Imported, int Rows, int Rejected);

/// <summary>A file that is no longer the one of its role.</summary>
/// <param name="File">The file.</param>
/// <param name="Replaced">When another took its place.</param>
public sealed record EarlierFile(CompetitionFile File, DateTimeOffset Replaced);

/// <summary>What a file of a competition is for.</summary>
public enum FileRole
{
    /// <summary>Battles with winners.</summary>
    Train,

    /// <summary>Battles to predict.</summary>
    Test,

    /// <summary>The form of a submission: ids and columns in order.</summary>
    Sample,
}
