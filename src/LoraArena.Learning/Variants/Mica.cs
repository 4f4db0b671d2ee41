using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// R rank, I features in, O features out.

/// <summary>
/// MiCA: LoRA with B frozen at the weight's least left singular vectors, so that what is learnt goes where the weight does least. arXiv:2604.01694.
/// </summary>
public sealed class Mica : LoraFamily<MicaOptions>
{
    internal const string Start = "mica";

    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "mica", "MiCA", "LoRA that trains A alone, behind the weight's least singular directions.", "arXiv:2604.01694", PeftType: "LORA",
        ParameterFormula: "r · I")
    {
        Group = VariantGroup.Start,
        Cost = "A singular value decomposition of each weight at the start; half the optimiser memory.",
    };

    /// <inheritdoc/>
    public override IReadOnlyList<OptionRule> Rules { get; } =
    [
        new("mica", "another init_lora_weights than mica", "the start is what the method is", options => ((MicaOptions)options).InitLoraWeights != Start),
        new("mica", "loraplus_lr_ratio", "B is not trained", options => ((MicaOptions)options).LoraplusLrRatio != 1),
    ];

    /// <inheritdoc/>
    public override bool Claims(PeftConfigReader config)
        => config.PeftType == "LORA" && config.Is("init_lora_weights", Start) && !config.Flag("use_dora") && !config.Flag("use_rslora");

    /// <inheritdoc/>
    public override MicaOptions FromConfig(PeftConfigReader config) => base.FromConfig(config) with { InitLoraWeights = Start };
}

/// <summary>LoRA's options.</summary>
public sealed record MicaOptions : LoraOptions
{
    /// <summary>MiCA's defaults.</summary>
    public MicaOptions() => InitLoraWeights = Mica.Start;

    internal override bool TrainsB => false;
}

/// <summary>B from the smallest left singular vectors, A zero.</summary>
internal sealed class MicaStart : LoraStart
{
    public override string Name => Mica.Start;

    public override string PeftName => Mica.Start;

    public override void Set(IReadOnlyList<LoraLayer> layers, LoraOptions options, StartingData data)
    {
        foreach (var layer in layers)
        {
            using var scope = NewDisposeScope();
            var (shape, rank) = (layer.Site.Shape, layer.Rank);
            if (rank > shape.Narrow)
            {
                throw new Core.Runs.OptionException($"mica needs a rank of at most {shape.Narrow} at {shape.Path}, which has no more singular vectors; r is {rank}.");
            }

            var u = linalg.svd(layer.Site.Weight.Value.to(ScalarType.Float32), fullMatrices: false).U;
            layer.StartFrom(zeros_like(layer.A.Value), u.narrow(1, shape.Narrow - rank, rank));
        }
    }
}
