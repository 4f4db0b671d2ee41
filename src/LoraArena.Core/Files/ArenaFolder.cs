namespace LoraArena.Core.Files;

/// <summary>
/// The folder of one arena: everything that was uploaded, started and made. It is the truth; the database is an index of it.
/// <code>
/// competitions/&lt;id&gt;/   competition.json, notes.json, splits/, baselines/
/// datasets/&lt;sha256&gt;/   source.csv as uploaded, import.&lt;role&gt;.json, rows.&lt;role&gt;.csv
/// models/&lt;id&gt;.json      registered base models: where they are and what they are
/// model-files/         base models that were downloaded, a folder for each commit
/// runs/&lt;id&gt;/           see <see cref="Runs.RunFolder"/>
/// trials/&lt;id&gt;/         trial.json, chosen.json: see <see cref="Core.Trials.Trial"/>
/// uploads/             unfinished uploads, swept at start
/// cache/               what can be made again: sums of model files, tokens of data files
/// arena.db, keys/      index and users; keys of the sign-in cookies
/// </code>
/// </summary>
/// <param name="root">Path of the folder; made absolute.</param>
public sealed class ArenaFolder(string root)
{
    /// <summary>The folder itself.</summary>
    public string Root { get; } = Path.GetFullPath(root);

    /// <summary>The SQLite index.</summary>
    public string Database => Path.Join(Root, "arena.db");

    /// <summary>Keys that protect the sign-in cookies.</summary>
    public string Keys => Path.Join(Root, "keys");

    /// <summary>Held by the one process that starts and follows workers.</summary>
    public string SupervisorLock => Path.Join(Root, "supervisor.lock");

    /// <summary>Unfinished uploads.</summary>
    public string Uploads => Path.Join(Root, "uploads");

    /// <summary>What only saves time: it may be removed while nothing runs.</summary>
    public string Cache => Path.Join(Root, "cache");

    /// <summary>Registered base models.</summary>
    public string Models => Path.Join(Root, "models");

    /// <summary>Base models that were downloaded.</summary>
    public string ModelFiles => Path.Join(Root, "model-files");

    /// <summary>All competitions.</summary>
    public string Competitions => Path.Join(Root, "competitions");

    /// <summary>All imported files.</summary>
    public string Datasets => Path.Join(Root, "datasets");

    /// <summary>All runs.</summary>
    public string Runs => Path.Join(Root, "runs");

    /// <summary>Tokens of data files, which may be deleted at any time: they are made again.</summary>
    public string TokenCache => Path.Join(Cache, "tokens");

    /// <summary>All trials.</summary>
    public string Trials => Path.Join(Root, "trials");

    /// <summary>Folder of one competition.</summary>
    /// <exception cref="UnsafePathException">The id is not one that <see cref="ArenaId"/> makes.</exception>
    public string Competition(string id) => SafePath.Join(Competitions, ArenaId.Check(id));

    /// <summary>Folder of one imported file, by the SHA-256 of its bytes.</summary>
    /// <exception cref="UnsafePathException">The text is not a SHA-256 in lower-case hexadecimal.</exception>
    public string Dataset(string sha256)
    {
        if (sha256.Length != 64 || !sha256.All(c => c is (>= '0' and <= '9') or (>= 'a' and <= 'f'))) throw new UnsafePathException(sha256);
        return Path.Join(Datasets, sha256);
    }

    /// <summary>The card of one registered base model.</summary>
    /// <exception cref="UnsafePathException">The id is not one that <see cref="ArenaId"/> makes.</exception>
    public string ModelCard(string id) => SafePath.Join(Models, ArenaId.Check(id) + ".json");

    /// <summary>Folder of one run.</summary>
    /// <exception cref="UnsafePathException">The id is not one that <see cref="ArenaId"/> makes.</exception>
    public Runs.RunFolder Run(string id) => new(SafePath.Join(Runs, ArenaId.Check(id)));

    /// <summary>Folder of one trial.</summary>
    /// <exception cref="UnsafePathException">The id is not one that <see cref="ArenaId"/> makes.</exception>
    public string Trial(string id) => SafePath.Join(Trials, ArenaId.Check(id));

    /// <summary>Makes the folders, readable for their owner alone.</summary>
    public void Create()
    {
        foreach (var folder in new[] { Root, Keys, Uploads, Models, ModelFiles, Competitions, Datasets, Runs, Trials })
        {
            if (OperatingSystem.IsWindows()) Directory.CreateDirectory(folder);
            else Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }
}
