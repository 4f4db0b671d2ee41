using System.Reflection;

namespace LoraArena.Learning.Tests.Peft;

/// <summary>
/// A configuration that PEFT and this product must agree on. Stands in the variant's own test file:
/// <c>[assembly: PeftCase("hira", "hira", "HiraConfig", """{"r": 4}""")]</c>. PEFT writes an adapter of it with random weights; the variant must
/// claim it, give its logits, and train as it does. Keys <c>bert</c> and <c>llama</c> hold what only that model's configuration has.
/// </summary>
/// <param name="variant">The variant that must claim the adapter.</param>
/// <param name="name">Name of the case, no other's.</param>
/// <param name="config">PEFT's class of the configuration.</param>
/// <param name="options">Its arguments as JSON; target_modules is all-linear where it is not given.</param>
[AttributeUsage(AttributeTargets.Assembly, AllowMultiple = true)]
public sealed class PeftCaseAttribute(string variant, string name, string config, string options) : Attribute
{
    /// <summary>The variant that must claim the adapter.</summary>
    public string Variant { get; } = variant;

    /// <summary>Name of the case.</summary>
    public string Name { get; } = name;

    /// <summary>PEFT's class of the configuration.</summary>
    public string Config { get; } = config;

    /// <summary>Its arguments as JSON.</summary>
    public string Options { get; } = options;

    /// <summary>How far the random weights are from PEFT's starting values.</summary>
    public double Spread { get; set; } = 0.2;

    /// <summary>False where a training of it here follows other rules on purpose; the variant's own tests hold it then.</summary>
    public bool Trains { get; set; } = true;

    /// <summary>Learning rate of the training.</summary>
    public double LearningRate { get; set; } = 0.005;

    /// <summary>All that there are.</summary>
    internal static IReadOnlyList<PeftCaseAttribute> All { get; } =
        [.. typeof(PeftCaseAttribute).Assembly.GetCustomAttributes<PeftCaseAttribute>().OrderBy(c => c.Name, StringComparer.Ordinal)];
}
