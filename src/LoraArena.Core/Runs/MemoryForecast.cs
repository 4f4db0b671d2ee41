namespace LoraArena.Core.Runs;

/// <summary>What a training will need of its device's memory, in bytes.</summary>
/// <param name="Weights">The base weights as they are kept.</param>
/// <param name="Training">What a step needs on top: adapter, optimiser, and what the backward pass keeps.</param>
/// <param name="Recomputing">The same where blocks are computed again instead of being kept (gradient_checkpointing).</param>
/// <param name="Tokens">Padded tokens at once that it holds for.</param>
/// <param name="Precision">How the base weights are kept, for which it holds.</param>
/// <param name="Device">Id of the device.</param>
public sealed record MemoryForecast(long Weights, long Training, long Recomputing, int Tokens, string Precision, string Device)
{
    /// <summary>All of it.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public long Bytes => Weights + Training;

    /// <summary>All of it with recomputation.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public long BytesRecomputing => Weights + Recomputing;
}
