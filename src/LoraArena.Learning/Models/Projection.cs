using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models;

/// <summary>A linear layer y = x Wᵀ + b with a slot for an adapter. I features in, O features out.</summary>
/// <param name="path">Its path in Hugging Face's model, such as <c>model.layers.0.self_attn.q_proj</c>.</param>
/// <param name="weight">W, [O, I].</param>
/// <param name="bias">b, [O]; null for none.</param>
public sealed class Projection(string path, Weight weight, Weight? bias)
{
    /// <summary>Its path in Hugging Face's model.</summary>
    public string Path { get; } = path;

    /// <summary>W, [O, I].</summary>
    public Weight Weight { get; } = weight;

    /// <summary>b, [O].</summary>
    public Weight? Bias { get; } = bias;

    /// <summary>Features in.</summary>
    public long InFeatures => Weight.Shape[1];

    /// <summary>Features out.</summary>
    public long OutFeatures => Weight.Shape[0];

    /// <summary>Path and widths.</summary>
    public SiteShape Shape => new(Path, InFeatures, OutFeatures);

    /// <summary>What a variant has put here; null for the plain layer.</summary>
    public AdapterLayer? Adapter { get; set; }

    /// <summary>Sees every input of the layer while it is set; null for nobody.</summary>
    public Action<Tensor>? Probe { get; set; }

    /// <summary>[…, I] → […, O].</summary>
    public Tensor Forward(Tensor x, ForwardMode mode)
    {
        Probe?.Invoke(x);
        return Adapter is { } adapter ? adapter.Forward(x, mode) : Base(x);
    }

    /// <summary>The layer without its adapter: [.., I] → [.., O].</summary>
    public Tensor Base(Tensor x) => nn.functional.linear(x, Weight.Value, Bias?.Value);
}
