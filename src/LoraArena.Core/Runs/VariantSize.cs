using System.Text.Json.Nodes;

namespace LoraArena.Core.Runs;

/// <summary>How many parameters a variant trains on a base model, the head not counted.</summary>
/// <param name="Variant">Id of the variant.</param>
/// <param name="Options">The options that it holds for; those that met a budget among them.</param>
/// <param name="Parameters">Trainable parameters.</param>
/// <param name="Sites">Linear layers that are adapted.</param>
/// <param name="Solved">The option that was chosen to meet the budget; null where no budget was given.</param>
/// <param name="Budget">The budget; null where none was given.</param>
public sealed record VariantSize(string Variant, JsonObject Options, long Parameters, int Sites, string? Solved, long? Budget)
{
    /// <summary>What its training will need of memory; null where that is not known.</summary>
    public MemoryForecast? Memory { get; init; }
}

/// <summary>The sizes of all variants on one model.</summary>
/// <param name="Sizes">Those that fit it.</param>
/// <param name="Refusals">The reasons of those that do not.</param>
public sealed record VariantSizes(IReadOnlyList<VariantSize> Sizes, IReadOnlyList<string> Refusals);
