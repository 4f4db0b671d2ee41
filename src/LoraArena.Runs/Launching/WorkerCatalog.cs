using System.Globalization;
using System.Text.Json;
using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Models;
using LoraArena.Core.Runs;

namespace LoraArena.Runs.Launching;

/// <summary>What the worker can do, asked once for each build of it on each host and kept in a file beside the database.</summary>
/// <param name="folder">The arena.</param>
public sealed class WorkerCatalog(ArenaFolder folder)
{
    private readonly Lock _lock = new();
    private Task<WorkerDescription>? _asked;

    /// <summary>The description.</summary>
    /// <exception cref="WorkerException">The worker is missing or broken.</exception>
    public Task<WorkerDescription> DescribeAsync(CancellationToken cancel)
    {
        lock (_lock)
        {
            // Everybody waits for the same answer; one that failed is asked for again.
            if (_asked is null or { IsFaulted: true }) _asked = ReadOrAskAsync();
            return _asked.WaitAsync(cancel);
        }
    }

    /// <summary>Looks into a model folder.</summary>
    /// <exception cref="WorkerException">The folder cannot be used; the message says why.</exception>
    public static Task<ModelInspection> InspectAsync(string modelFolder, CancellationToken cancel)
        => WorkerProgram.Find().AskAsync<ModelInspection>(["describe", "--model", modelFolder], cancel);

    /// <summary>Counts what a variant trains on a model; with a budget, finds the setting that meets it.</summary>
    /// <param name="modelFolder">The model's folder.</param>
    /// <param name="variant">The variant and its options.</param>
    /// <param name="budget">Trainable parameters that are wanted; null to count only.</param>
    /// <param name="cancel">Gives up.</param>
    /// <param name="training">How it will be trained, for the forecast of memory; null for the defaults.</param>
    /// <exception cref="WorkerException">The options do not fit; the message says why.</exception>
    public static Task<VariantSize> SizeAsync(
        string modelFolder, VariantChoice variant, long? budget, CancellationToken cancel, TrainingOptions? training = null)
    {
        string[] question = [
            "size", "--model", modelFolder, "--variant", variant.Id, "--options", variant.Options.ToJsonString(), "--training",
            JsonSerializer.Serialize(training ?? new TrainingOptions(), ArenaJson.Line)];
        return WorkerProgram.Find().AskAsync<VariantSize>(WithBudget(question, budget), cancel);
    }

    /// <summary>Counts what every variant trains on a model at its default settings; with a budget, finds the settings that meet it.</summary>
    public static Task<VariantSizes> SizesAsync(string modelFolder, long? budget, CancellationToken cancel)
        => WorkerProgram.Find().AskAsync<VariantSizes>(WithBudget(["size", "--model", modelFolder], budget), cancel);

    private static string[] WithBudget(string[] question, long? budget)
        => budget is { } wanted ? [.. question, "--parameters", wanted.ToString(CultureInfo.InvariantCulture)] : question;

    private async Task<WorkerDescription> ReadOrAskAsync()
    {
        var worker = WorkerProgram.Find();

        var key = await Task.Run(() => WorkerKey.Of(worker.Hash(), worker.Folder));
        var path = Path.Join(folder.Root, "worker.json");
        try
        {
            if (JsonFile.TryRead<Known>(path) is { } known && known.Key == key) return known.Description;
        }
        catch (JsonFileException)
        {
            // A file of another version is made again.
        }

        var description = await worker.AskAsync<WorkerDescription>(["describe"], CancellationToken.None);
        AtomicFile.WriteJson(path, new Known(key, description));
        return description;
    }

    private sealed record Known(string Key, WorkerDescription Description);
}
