using System.Text.Json;
using System.Text.Json.Serialization;
using LoraArena.Core.Json;
using LoraArena.Core.Metrics;
using LoraArena.Core.Runs;

namespace LoraArena.Core.Journal;

/// <summary>One line of a run's journal.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "t")]
[JsonDerivedType(typeof(StateRecord), "state")]
[JsonDerivedType(typeof(PlanRecord), "plan")]
[JsonDerivedType(typeof(ResumeRecord), "resume")]
[JsonDerivedType(typeof(StepRecord), "step")]
[JsonDerivedType(typeof(EvalRecord), "eval")]
[JsonDerivedType(typeof(CheckpointRecord), "checkpoint")]
[JsonDerivedType(typeof(WarningRecord), "warning")]
public abstract record JournalRecord
{
    /// <summary>Number of the line, from 1, without a gap over all attempts.</summary>
    public long N { get; init; }

    /// <summary>The attempt that wrote it.</summary>
    public int A { get; init; }

    /// <summary>When it was written, UTC.</summary>
    public DateTimeOffset At { get; init; }

    /// <summary>The line, without its line end.</summary>
    public byte[] ToLine() => JsonSerializer.SerializeToUtf8Bytes(this, ArenaJson.Line);

    /// <summary>Reads a line; null where it is not a record (a torn line). One of a kind that is not known here is an <see cref="UnknownRecord"/>.</summary>
    public static JournalRecord? Parse(ReadOnlySpan<byte> line)
    {
        try
        {
            return JsonSerializer.Deserialize<JournalRecord>(line, ArenaJson.Line);
        }
        catch (Exception error) when (error is JsonException or NotSupportedException)
        {
            return ParseNumber(line);
        }
    }

    // What a newer version writes is skipped, but it has its number: without it the lines that follow would not count.
    private static UnknownRecord? ParseNumber(ReadOnlySpan<byte> line)
    {
        try
        {
            var reader = new Utf8JsonReader(line);
            using var document = JsonDocument.ParseValue(ref reader);
            var fields = document.RootElement;
            return fields.ValueKind == JsonValueKind.Object && fields.TryGetProperty("t", out var kind) && kind.ValueKind == JsonValueKind.String
                && fields.TryGetProperty("n", out var number) && number.ValueKind == JsonValueKind.Number && number.TryGetInt64(out var n)
                ? new UnknownRecord(kind.GetString()!) { N = n }
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <summary>A record of a kind that this version does not know, or with fields that it cannot read.</summary>
/// <param name="Kind">What the line calls itself.</param>
public sealed record UnknownRecord(string Kind) : JournalRecord;

/// <summary>The run enters a state, or a phase of it.</summary>
/// <param name="State">The state.</param>
/// <param name="Phase">What the worker does now: loading, training, predicting …</param>
public sealed record StateRecord(RunState State, string Phase) : JournalRecord;

/// <summary>What is ahead, once it is known.</summary>
/// <param name="Steps">Optimiser steps in all; 0 while a budget of seconds has not told its pace: a second record follows then.</param>
/// <param name="StepsPerEpoch">Optimiser steps an epoch.</param>
/// <param name="TrainRows">Rows to train on.</param>
/// <param name="ValidationRows">Rows to validate on.</param>
/// <param name="TrainableParameters">Trainable parameters: adapter and head.</param>
/// <param name="TotalParameters">Numbers of the base model, adapter and head.</param>
/// <param name="Device">The device, in words.</param>
/// <param name="Head">The head that the run began with, in words; null in journals from before it was said.</param>
public sealed record PlanRecord(
    long Steps, long StepsPerEpoch, int TrainRows, int ValidationRows, long TrainableParameters, long TotalParameters, string Device, string? Head = null) : JournalRecord
{
    /// <summary>Seconds of training after which it ends; null where steps alone say so.</summary>
    public double? MaxSeconds { get; init; }
}

/// <summary>An attempt goes on after the given step: what earlier attempts wrote about later steps does not count.</summary>
/// <param name="Step">The last step of the checkpoint.</param>
public sealed record ResumeRecord(long Step) : JournalRecord;

/// <summary>An optimiser step.</summary>
/// <param name="Step">Its number, from 1.</param>
/// <param name="Epoch">Passes over the training rows up to here, with fraction.</param>
/// <param name="Loss">Mean loss of its rows.</param>
/// <param name="LearningRate">Learning rate it used.</param>
/// <param name="GradNorm">Norm of the gradient before clipping.</param>
/// <param name="TokensPerSecond">Real tokens a second of training since the last report.</param>
/// <param name="Seconds">Seconds of training so far, all attempts.</param>
/// <param name="MemoryBytes">Memory in use.</param>
public sealed record StepRecord(
    long Step, double Epoch, double Loss, double LearningRate, double GradNorm, double TokensPerSecond, double Seconds,
    long MemoryBytes) : JournalRecord;

/// <summary>An evaluation on the validation rows.</summary>
/// <param name="Step">After this step.</param>
/// <param name="Epoch">Passes over the training rows up to here.</param>
/// <param name="Scores">The metrics.</param>
public sealed record EvalRecord(long Step, double Epoch, Scores Scores) : JournalRecord;

/// <summary>A checkpoint is complete.</summary>
/// <param name="Step">After this step.</param>
public sealed record CheckpointRecord(long Step) : JournalRecord;

/// <summary>Something that people should know.</summary>
/// <param name="Text">A sentence.</param>
public sealed record WarningRecord(string Text) : JournalRecord;
