using LoraArena.Core.Runs;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

/// <summary>
/// How LoRA's A and B start. A start is one class: here those that PEFT has besides the methods of their own, and in each such method's file
/// the rest. Whatever is in this assembly is a choice of <c>init_lora_weights</c>.
/// </summary>
public abstract class LoraStart
{
    private static readonly Dictionary<string, LoraStart> All = typeof(LoraStart).Assembly.GetTypes()
        .Where(type => type.IsSubclassOf(typeof(LoraStart)) && !type.IsAbstract)
        .Select(type => (LoraStart)Activator.CreateInstance(type)!)
        .ToDictionary(start => start.Name, StringComparer.Ordinal);

    /// <summary>All names, those that need nothing but a seed first.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. All.Values.OrderBy(s => s is KaimingStart ? 0 : s is SeededStart ? 1 : 2).ThenBy(s => s.Name, StringComparer.Ordinal).Select(s => s.Name)];

    /// <summary>Its name as a choice of <c>init_lora_weights</c>.</summary>
    public abstract string Name { get; }

    /// <summary>What adapter_config.json says; null for PEFT's <c>true</c>, which is right for every adapter that holds on the untouched base.</summary>
    public virtual string? PeftName => null;

    /// <summary>True if the base weight moves by −s B A, so that the model's output stays what it was although B A is not 0.</summary>
    public virtual bool MovesBase => false;

    /// <summary>The start of that name; the option has been checked before.</summary>
    public static LoraStart Get(string name) => All[name];

    /// <summary>Refuses a rank that it cannot start with.</summary>
    /// <exception cref="OptionException">It cannot.</exception>
    public virtual void CheckRank(int rank)
    {
    }

    /// <summary>A [R, I] and B [O, R] from a generator that has been seeded, fp32 on the CPU.</summary>
    public virtual (Tensor A, Tensor B) Draw(SiteShape site, int rank)
        => (Kaiming(rank, site.InFeatures), zeros([site.OutFeatures, rank], ScalarType.Float32, CPU));

    /// <summary>Sets A and B once the model is there; called without gradients.</summary>
    public virtual void Set(IReadOnlyList<LoraLayer> layers, LoraOptions options, StartingData data)
    {
    }

    /// <summary>Uniform within ±1/√n for n columns: what Kaiming's rule with a = √5 comes to.</summary>
    public static Tensor Kaiming(long rows, long columns)
    {
        var bound = 1 / Math.Sqrt(columns);
        return empty([rows, columns], ScalarType.Float32, CPU).uniform_(-bound, bound);
    }
}

/// <summary>A start that takes a seed and no more.</summary>
public abstract class SeededStart : LoraStart;

/// <summary>PEFT's <c>true</c>: A uniform within ±1/√I, B zero.</summary>
internal sealed class KaimingStart : SeededStart
{
    public override string Name => "kaiming";
}

/// <summary>A normal with deviation 1/r, B zero.</summary>
internal sealed class GaussianStart : SeededStart
{
    public override string Name => "gaussian";

    public override string PeftName => "gaussian";

    public override (Tensor A, Tensor B) Draw(SiteShape site, int rank)
        => (empty([rank, site.InFeatures], ScalarType.Float32, CPU).normal_(0, 1.0 / rank), zeros([site.OutFeatures, rank], ScalarType.Float32, CPU));
}
