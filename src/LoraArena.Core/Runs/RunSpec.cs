using System.ComponentModel.DataAnnotations;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using LoraArena.Core.Files;
using LoraArena.Core.Json;

namespace LoraArena.Core.Runs;

/// <summary>
/// What a run is to do: one training of one variant, on one fold, with one seed. Written once, before the run is queued;
/// the SHA-256 of its bytes is the run's fingerprint.
/// </summary>
/// <param name="Run">The run's id, the name of its folder.</param>
/// <param name="Created">When it was asked for.</param>
/// <param name="Owner">Name of the account that asked for it.</param>
/// <param name="Name">What the owner calls it.</param>
/// <param name="Competition">Id and name of the competition.</param>
/// <param name="Data">The files, by the SHA-256 of their bytes.</param>
/// <param name="Split">Which rows train and which validate.</param>
/// <param name="Model">The base model.</param>
/// <param name="Variant">The method and its options.</param>
/// <param name="Training">Everything else about the training.</param>
public sealed record RunSpec(
    string Run,
    DateTimeOffset Created,
    string Owner,
    string Name,
    CompetitionReference Competition,
    DataReference Data,
    SplitReference Split,
    ModelReference Model,
    VariantChoice Variant,
    TrainingOptions Training)
{
    /// <summary>Version of this file's form; a worker refuses one that it does not know.</summary>
    public int Format { get; init; } = 1;

    /// <summary>The trial that the run is one of; null for a run of its own.</summary>
    public TrialReference? Trial { get; init; }

    /// <summary>Reads spec.json.</summary>
    /// <exception cref="JsonFileException">The file is missing, is not JSON, or is of another form.</exception>
    public static RunSpec Read(string path)
    {
        // A newer form may lack what this one needs: its number is looked at first.
        var format = JsonFile.Read<FormatOnly>(path).Format;
        return format == 1
            ? JsonFile.Read<RunSpec>(path)
            : throw new JsonFileException(path, $"format {format} is not known here (1 is); it was written by a newer LoraArena");
    }

    /// <summary>Writes spec.json, which must not be there yet.</summary>
    /// <exception cref="IOException">It is there already, or cannot be written.</exception>
    public void Write(string path)
    {
        if (File.Exists(path)) throw new IOException($"{path} is there already; a run's spec is written once.");
        AtomicFile.WriteJson(path, this);
    }

    /// <summary>SHA-256 of a spec.json in lower-case hexadecimal: the run's fingerprint.</summary>
    public static string Fingerprint(string path)
    {
        using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    private sealed record FormatOnly(int Format);
}

/// <summary>A trial, as a run of it remembers it.</summary>
/// <param name="Id">Folder name under trials/.</param>
/// <param name="Method">What the trial calls the method that is trained.</param>
/// <param name="IsTuning">True for a try of a learning rate, on rows that the trial does not report.</param>
public sealed record TrialReference(string Id, string Method, bool IsTuning);

/// <summary>A competition, as a run remembers it.</summary>
/// <param name="Id">Folder name under competitions/.</param>
/// <param name="Name">Its name then.</param>
public sealed record CompetitionReference(string Id, string Name);

/// <summary>Files of a competition, by the SHA-256 of their bytes.</summary>
/// <param name="Train">train.csv.</param>
/// <param name="Test">test.csv, where the competition has one.</param>
public sealed record DataReference(string Train, string? Test);

/// <summary>One split of train.csv, or one of its folds.</summary>
/// <param name="Id">Name of the split's file under the competition's splits/, without its ending: a hash of its content.</param>
/// <param name="Name">Display name: <c>hold-out 20 %</c>.</param>
/// <param name="Fold">The fold that validates, where the split has folds.</param>
public sealed record SplitReference(string Id, string Name, int? Fold);

/// <summary>A base model on this host.</summary>
/// <param name="Id">Id of its card under models/.</param>
/// <param name="Name">Its name.</param>
/// <param name="Path">Its folder: config.json, *.safetensors, tokenizer.json.</param>
/// <param name="Sha256">Hash of the files when it was registered; the worker refuses a folder that has changed.</param>
public sealed record ModelReference(string Id, string Name, string Path, string Sha256);

/// <summary>A variant by its id in the registry, with the options that differ from its defaults.</summary>
/// <param name="Id">Such as <c>lora</c>.</param>
/// <param name="Options">Option values by PEFT's names.</param>
public sealed record VariantChoice(string Id, JsonObject Options)
{
    /// <summary>Equal when id and options are: <see cref="JsonObject"/> itself compares by reference.</summary>
    public bool Equals(VariantChoice? other) => other is not null && Id == other.Id && JsonNode.DeepEquals(Options, other.Options);

    /// <inheritdoc/>
    public override int GetHashCode() => Id.GetHashCode(StringComparison.Ordinal);
}

/// <summary>How a run trains, whatever the variant. Names are those of Transformers' <c>TrainingArguments</c> where it has one.</summary>
public sealed record TrainingOptions
{
    /// <summary>Passes over the training rows.</summary>
    [Range(0.01, 1000.0)]
    public double NumTrainEpochs { get; init; } = 2;

    /// <summary>Optimiser steps; overrides the epochs where given.</summary>
    [Range(1, 100_000_000)]
    public long? MaxSteps { get; init; }

    /// <summary>
    /// Seconds of training after which the run ends at the next step; the learning rate is planned over them, so that it has fallen to 0 by
    /// then.
    /// </summary>
    [Range(1.0, 10_000_000.0)]
    public double? MaxSeconds { get; init; }

    /// <summary>Real tokens trained on, padding not counted, after which the run ends at the next step; the learning rate has gone down by then.</summary>
    [Range(1, 1_000_000_000_000)]
    public long? MaxTokens { get; init; }

    /// <summary>Tokens of one battle at most: prompt and both answers share them.</summary>
    [Range(32, 1_000_000)]
    public int MaxLength { get; init; } = 384;

    /// <summary>Battles an optimiser step.</summary>
    [Range(1, 65_536)]
    public int BatchSize { get; init; } = 16;

    /// <summary>
    /// Padded tokens that go through the model at once; a batch above it is worked off in micro-batches with the same result. Leave it
    /// empty for what suits the device.
    /// </summary>
    [Range(32, 100_000_000)]
    public int? MaxTokensPerMicroBatch { get; init; }

    /// <summary>Padded tokens that go through the model at once: what is set, else as many as a CPU's caches serve, or as a GPU needs to be busy.</summary>
    public int MicroBatchTokens(bool onGpu) => MaxTokensPerMicroBatch ?? (onGpu ? 8192 : 2048);

    /// <summary>
    /// How the base weights are kept: <c>auto</c> (bf16 on a GPU that has it, else fp32), <c>fp32</c>, <c>bf16</c>, <c>fp16</c>, or, for
    /// methods that leave them alone, <c>int8</c> and <c>nf4</c> (QLoRA).
    /// </summary>
    [AllowedValues("auto", "fp32", "bf16", "fp16", "int8", "nf4")]
    public string BasePrecision { get; init; } = "auto";

    /// <summary>Computes blocks a second time in the backward pass instead of keeping what they computed: less memory, about a third more time.</summary>
    public bool GradientCheckpointing { get; init; }

    /// <summary>Peak learning rate.</summary>
    [Range(0.0, 10.0)]
    public double LearningRate { get; init; } = 5e-4;

    /// <summary>Share of the steps in which the learning rate rises to its peak; afterwards it falls linearly to 0.</summary>
    [Range(0.0, 1.0)]
    public double WarmupRatio { get; init; } = 0.1;

    /// <summary>Decoupled weight decay of AdamW.</summary>
    [Range(0.0, 10.0)]
    public double WeightDecay { get; init; } = 0.01;

    /// <summary>Largest norm of the whole gradient; 0 switches clipping off.</summary>
    [Range(0.0, 1_000_000.0)]
    public double MaxGradNorm { get; init; } = 1;

    /// <summary>Dropout on hidden states and the pooled token; null takes what the model's config.json says.</summary>
    [Range(0.0, 0.99)]
    public double? HiddenDropout { get; init; }

    /// <summary>
    /// Dropout on attention weights; null takes what the model's config.json says. Above 0 it keeps the fused attention kernels from being
    /// used.
    /// </summary>
    [Range(0.0, 0.99)]
    public double? AttentionDropout { get; init; } = 0;

    /// <summary>
    /// Whose state the head looks at: the <c>first</c> token's, the <c>last</c> one's, or the <c>mean</c> of all; <c>auto</c> is what
    /// Transformers does for the model's family.
    /// </summary>
    [AllowedValues("auto", "first", "last", "mean")]
    public string Pooling { get; init; } = "auto";

    /// <summary>Exchange answers A and B (and the label) of a random half of the rows in each epoch.</summary>
    public bool SwapInTraining { get; init; } = true;

    /// <summary>Predict each battle in both orders and average.</summary>
    public bool SwapAverage { get; init; } = true;

    /// <summary>Seed of everything random: head and adapter start, order of rows, swaps, dropout.</summary>
    [Range(0, 1_000_000_000_000)]
    public long Seed { get; init; }

    /// <summary>Where to train: <c>auto</c>, <c>cpu</c>, <c>cuda</c>, <c>cuda:1</c>.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>Seconds between checkpoints.</summary>
    [Range(1.0, 86_400.0)]
    public double CheckpointSeconds { get; init; } = 60;

    /// <summary>Steps between checkpoints, besides those by time.</summary>
    [Range(1, 100_000_000)]
    public long? SaveSteps { get; init; }

    /// <summary>
    /// Keep the newest checkpoint when the run has succeeded. By default all are removed: adapter and predictions stay, and nothing needs
    /// them any more.
    /// </summary>
    public bool KeepCheckpoint { get; init; }
}
