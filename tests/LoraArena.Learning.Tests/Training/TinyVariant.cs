using System.Reflection;
using System.Text.Json.Nodes;

namespace LoraArena.Learning.Tests.Training;

/// <summary>
/// What the shared tests need to know of a variant to run it on models whose widths are 16 to 48. Stands in the variant's own test file:
/// <c>[assembly: TinyVariant("c3a", """{"block_size": 4}""")]</c>. A variant without one has its default options.
/// </summary>
/// <param name="id">The variant.</param>
/// <param name="options">Its options as JSON.</param>
[AttributeUsage(AttributeTargets.Assembly, AllowMultiple = true)]
public sealed class TinyVariantAttribute(string id, string options) : Attribute
{
    /// <summary>The variant.</summary>
    public string Id { get; } = id;

    /// <summary>Its options as JSON.</summary>
    public string Options { get; } = options;

    /// <summary>A learning rate at which it learns.</summary>
    public double LearningRate { get; set; } = 0.01;

    /// <summary>True where the method's gradient is by design not the slope of its output; its own tests hold the gradient then.</summary>
    public bool GradientIsNotTheSlope { get; set; }

    /// <summary>True where its output has kinks in the weights, across which a difference is no slope; its own tests hold the gradient then.</summary>
    public bool HasKinks { get; set; }

    /// <summary>True where libtorch has no kernels for shapes alone (the meta device) for what it computes.</summary>
    public bool HasNoShapeKernels { get; set; }

    /// <summary>True where all its starting values are fixed, so that seeds differ in the head alone.</summary>
    public bool StartsTheSameForEverySeed { get; set; }

    /// <summary>The only fixture that it goes with; null for all.</summary>
    public string? OnlyOn { get; set; }
}

/// <summary>The attribute of a variant, read.</summary>
/// <param name="Options">Its options.</param>
/// <param name="LearningRate">A learning rate at which it learns.</param>
/// <param name="GradientIsNotTheSlope">True where the method's gradient is by design not the slope of its output.</param>
/// <param name="HasKinks">True where its output has kinks in the weights.</param>
/// <param name="HasNoShapeKernels">True where libtorch cannot run it on shapes alone.</param>
/// <param name="StartsTheSameForEverySeed">True where all its starting values are fixed.</param>
/// <param name="OnlyOn">The only fixture that it goes with; null for all.</param>
internal sealed record TinyVariant(
    JsonObject Options, double LearningRate, bool GradientIsNotTheSlope, bool HasKinks, bool HasNoShapeKernels,
    bool StartsTheSameForEverySeed, string? OnlyOn)
{
    private static readonly Dictionary<string, TinyVariant> All = typeof(TinyVariant).Assembly.GetCustomAttributes<TinyVariantAttribute>()
        .ToDictionary(
            a => a.Id,
            a => new TinyVariant(
                JsonNode.Parse(a.Options)!.AsObject(), a.LearningRate, a.GradientIsNotTheSlope, a.HasKinks, a.HasNoShapeKernels,
                a.StartsTheSameForEverySeed, a.OnlyOn),
            StringComparer.Ordinal);

    /// <summary>What is said of a variant.</summary>
    public static TinyVariant Of(string id) => All.GetValueOrDefault(id) ?? new TinyVariant([], 0.01, false, false, false, false, null);

    /// <summary>True if it goes with a fixture.</summary>
    public bool Fits(string fixture) => OnlyOn is null || OnlyOn == fixture;
}
