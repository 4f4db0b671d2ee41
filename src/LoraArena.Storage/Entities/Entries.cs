namespace LoraArena.Storage.Entities;

// Times are UTC milliseconds since 1970: SQLite can neither sort nor compare DateTimeOffset.

/// <summary>Index entry of a competition; the truth is its competition.json.</summary>
public sealed class CompetitionEntry
{
    /// <summary>Folder name.</summary>
    public required string Id { get; set; }

    /// <summary>Unique name.</summary>
    public required string Name { get; set; }

    /// <summary>When it was made.</summary>
    public required long CreatedMs { get; set; }

    /// <summary>competition.json.</summary>
    public required string Json { get; set; }
}

/// <summary>Index entry of a registered base model; the truth is its card under models/.</summary>
public sealed class ModelEntry
{
    /// <summary>Id of the card.</summary>
    public required string Id { get; set; }

    /// <summary>Unique name.</summary>
    public required string Name { get; set; }

    /// <summary>When it was registered.</summary>
    public required long AddedMs { get; set; }

    /// <summary>The card.</summary>
    public required string Json { get; set; }
}

/// <summary>Index entry of a run, and its place in the queue; the truth is its folder.</summary>
public sealed class RunEntry
{
    /// <summary>Folder name.</summary>
    public required string Id { get; set; }

    /// <summary>What its owner calls it.</summary>
    public required string Name { get; set; }

    /// <summary>The competition.</summary>
    public required string CompetitionId { get; set; }

    /// <summary>Account that asked for it.</summary>
    public required string Owner { get; set; }

    /// <summary>Name of the base model.</summary>
    public required string Model { get; set; }

    /// <summary>Id of the variant.</summary>
    public required string Variant { get; set; }

    /// <summary>The split, and its fold where it has folds: runs with equal text here are scored on the same rows.</summary>
    public required string SplitKey { get; set; }

    /// <summary>Its seed.</summary>
    public required long Seed { get; set; }

    /// <summary>Name of its <see cref="Core.Runs.RunState"/>.</summary>
    public required string State { get; set; }

    /// <summary>When it was asked for.</summary>
    public required long CreatedMs { get; set; }

    /// <summary>When it entered the queue: its place among equals.</summary>
    public required long QueuedMs { get; set; }

    /// <summary>Attempts begun. The number fences: only who raised it may write for it.</summary>
    public int Attempt { get; set; }

    /// <summary>Attempts in a row that ended without a new checkpoint.</summary>
    public int AttemptsWithoutProgress { get; set; }

    /// <summary>Step of the last checkpoint that the supervisor has seen.</summary>
    public long CheckpointStep { get; set; }

    /// <summary>Machine of the present attempt.</summary>
    public string? Host { get; set; }

    /// <summary>Process of the present attempt there; null until it is known.</summary>
    public int? Pid { get; set; }

    /// <summary>Start of that process, which tells it from a later one of the same id.</summary>
    public long? ProcessStarted { get; set; }

    /// <summary>The boot and namespace of that process, which tells it from one of before a reboot; null where that is not known.</summary>
    public string? BootId { get; set; }

    /// <summary>Device of the present attempt, where the app has chosen it; null where the worker does.</summary>
    public string? Device { get; set; }

    /// <summary>When the present attempt was begun.</summary>
    public long? AttemptMs { get; set; }

    /// <summary>When it ended.</summary>
    public long? EndedMs { get; set; }

    /// <summary>Why it failed or was stopped, or what is wrong with it although it succeeded.</summary>
    public string? Reason { get; set; }

    /// <summary>Name of the <see cref="Core.Runs.RunMark"/> of its end; null where nothing is special about it.</summary>
    public string? Flag { get; set; }

    /// <summary>What the worker does now.</summary>
    public string? Phase { get; set; }

    /// <summary>Optimiser steps done.</summary>
    public long Step { get; set; }

    /// <summary>Optimiser steps in all; 0 until known.</summary>
    public long Steps { get; set; }

    /// <summary>Log loss on the validation rows, once it has succeeded.</summary>
    public double? LogLoss { get; set; }

    /// <summary>95 % interval of the log loss, lower bound.</summary>
    public double? LogLossLow { get; set; }

    /// <summary>95 % interval of the log loss, upper bound.</summary>
    public double? LogLossHigh { get; set; }

    /// <summary>Accuracy on the validation rows.</summary>
    public double? Accuracy { get; set; }

    /// <summary>Expected calibration error on the validation rows.</summary>
    public double? Ece { get; set; }

    /// <summary>Seconds of training.</summary>
    public double? Seconds { get; set; }

    /// <summary>Real tokens a second of training.</summary>
    public double? TokensPerSecond { get; set; }

    /// <summary>Peak memory in bytes.</summary>
    public long? PeakMemoryBytes { get; set; }

    /// <summary>Trainable parameters: adapter and head.</summary>
    public long? TrainableParameters { get; set; }
}
