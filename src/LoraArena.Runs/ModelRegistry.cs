using LoraArena.Core.Files;
using LoraArena.Core.Models;
using LoraArena.Runs.Launching;
using LoraArena.Storage;

namespace LoraArena.Runs;

/// <summary>The base models of an arena: folders on this host that a worker has looked into.</summary>
public sealed class ModelRegistry(ArenaFolder folder, ArenaStore store, IndexSync index, TimeProvider time)
{
    private const int MaxNameCharacters = 100;

    /// <summary>Registers a folder.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="name">What to call it; null takes the folder's name.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="RunRefusedException">The path is not a folder, or the name is taken or not usable.</exception>
    /// <exception cref="WorkerException">The folder cannot be trained; the message says why.</exception>
    public async Task<ModelCard> AddAsync(string path, string? name, CancellationToken cancel)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (!Directory.Exists(full)) throw new RunRefusedException($"There is no folder {full} on this host.");
        name = string.IsNullOrWhiteSpace(name) ? Path.GetFileName(full) : name.Trim();
        await CheckNameAsync(name, cancel);
        var inspection = await WorkerCatalog.InspectAsync(full, cancel);
        var card = new ModelCard(ArenaId.New(time), name, full, time.GetUtcNow(), inspection);
        AtomicFile.WriteJson(folder.ModelCard(card.Id), card);
        await index.PutAsync(card, cancel);
        return card;
    }

    /// <summary>Checks that a model can be called so.</summary>
    /// <exception cref="RunRefusedException">It cannot, or another is.</exception>
    public async Task CheckNameAsync(string name, CancellationToken cancel)
    {
        if (name.Length is 0 or > MaxNameCharacters || name.Any(char.IsControl))
        {
            throw new RunRefusedException($"A model's name has 1 to {MaxNameCharacters} visible characters.");
        }

        if ((await store.ModelsAsync(cancel)).Any(m => string.Equals(m.Name, name, StringComparison.OrdinalIgnoreCase)))
        {
            throw new RunRefusedException($"There is a model '{name}' already; choose another name.");
        }
    }
}
