using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Data.Competitions;
using LoraArena.Runs;
using LoraArena.Runs.Launching;
using LoraArena.Storage;

namespace LoraArena.Web.Setup;

/// <summary>Where the app's own data lie: competitions/starter and models/arena-nano.</summary>
/// <param name="Folder">The repository's data/, or that of a published app.</param>
public sealed record StarterFiles(string Folder)
{
    /// <summary>The starter competition's files.</summary>
    public string Competition => Path.Join(Folder, "competitions", "starter");

    /// <summary>The starter's base model.</summary>
    public string Model => Path.Join(Folder, "models", "arena-nano");
}

/// <summary>Takes the starter competition and base model into a new arena, so that there is something to press Train on.</summary>
public sealed class StarterSetup(
    StarterFiles files, ArenaFolder folder, CompetitionLibrary library, ArenaStore store, ModelRegistry models, TimeProvider time,
    ILogger<StarterSetup> log)
{
    private const string CompetitionName = "Starter";

    // Says that it has been done: who deletes the starter does not get it back.
    private string Mark => Path.Join(folder.Root, "starter.added");

    /// <summary>Does it at the first start. What goes wrong is logged; the app works without a starter.</summary>
    public async Task AddOnceAsync(CancellationToken cancel)
    {
        if (File.Exists(Mark)) return;
        try
        {
            if (Directory.Exists(files.Competition)) await AddCompetitionAsync(cancel);
            if (Directory.Exists(files.Model) && (await store.ModelsAsync(cancel)).Count == 0) await models.AddAsync(files.Model, null, cancel);
            AtomicFile.WriteText(Mark, time.GetUtcNow().ToString("O", System.Globalization.CultureInfo.InvariantCulture) + "\n");
        }
        catch (Exception error) when (error is WorkerException or RunRefusedException or IOException or Data.Csv.CsvRefusedException or CompetitionException)
        {
            log.LogError(error, "The starter competition could not be set up");
        }
    }

    private async Task AddCompetitionAsync(CancellationToken cancel)
    {
        Competition? competition = null;
        foreach (var (role, name) in new[] { (FileRole.Train, "train.csv"), (FileRole.Test, "test.csv"), (FileRole.Sample, "sample_submission.csv") })
        {
            await using var file = File.OpenRead(Path.Join(files.Competition, name));
            (competition, _) = await library.ImportAsNamedAsync(CompetitionName, file, name, role, cancellation: cancel);
        }

        await store.PutAsync(competition!, cancel);
        log.LogInformation("The starter competition is ready");
    }
}
