using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models.Shared;

/// <summary>A function between two layers, by the name that config.json gives it.</summary>
public sealed class Activation
{
    private static readonly Dictionary<string, Activation> ByName = new(StringComparer.Ordinal)
    {
        ["gelu"] = new(x => nn.functional.gelu(x)),
        ["gelu_new"] = new(x => x.dtype == ScalarType.Float32 ? Tanh(x) : TanhOfProducts(x)),
        ["gelu_pytorch_tanh"] = new(Tanh),
        ["relu"] = new(x => nn.functional.relu(x)),
        ["silu"] = new(x => nn.functional.silu(x)),
        ["swish"] = new(x => nn.functional.silu(x)),
        ["tanh"] = new(x => x.tanh()),
    };

    private readonly Func<Tensor, Tensor> _apply;

    private Activation(Func<Tensor, Tensor> apply) => _apply = apply;

    /// <summary>x · σ(x).</summary>
    public static Activation Silu => ByName["silu"];

    /// <summary>x · Φ(x).</summary>
    public static Activation Gelu => ByName["gelu"];

    /// <summary>The same by its approximation with tanh (Hendrycks and Gimpel 2016, arXiv:1606.08415).</summary>
    public static Activation GeluTanh => ByName["gelu_pytorch_tanh"];

    /// <summary>The one that a field of config.json names.</summary>
    /// <param name="config">The file.</param>
    /// <param name="field">The field.</param>
    /// <param name="defaultName">What stands for a missing field.</param>
    /// <exception cref="ModelException">It is another than those that are built.</exception>
    public static Activation Read(ConfigReader config, string field, string defaultName)
    {
        var name = config.Text(field) ?? defaultName;
        return ByName.TryGetValue(name, out var found) ? found : throw config.Error($"'{field}' is '{name}'; supported are {string.Join(", ", ByName.Keys)}");
    }

    /// <summary>Of each element.</summary>
    internal Tensor Apply(Tensor x) => _apply(x);

    private static Tensor Tanh(Tensor x) => nn.functional.gelu(x, GELU.Approximate.tanh);

    // Transformers makes gelu_new of plain operations, each of which rounds.
    private static Tensor TanhOfProducts(Tensor x)
    {
        using var scope = NewDisposeScope();
        var inner = (x + (x.pow(3) * 0.044715)) * Math.Sqrt(2 / Math.PI);
        return (x * 0.5 * (inner.tanh() + 1)).MoveToOuterDisposeScope();
    }
}
