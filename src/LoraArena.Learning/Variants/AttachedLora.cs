using System.Text.Json.Nodes;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

/// <summary>LoRA on a model: starting values from weights or data, LoRA+'s learning rates, and files that hold on the untouched base.</summary>
/// <param name="variant">The method.</param>
/// <param name="options">Its options.</param>
/// <param name="layers">Its layers.</param>
public class AttachedLora(LoraVariant variant, LoraOptions options, IReadOnlyList<LoraLayer> layers) : AttachedVariant(variant, options, layers)
{
    /// <summary>The layers as what they are.</summary>
    public IReadOnlyList<LoraLayer> LoraLayers { get; } = layers;

    /// <inheritdoc/>
    public override OptimizerGroup GroupOf(Weight weight) => OptimizerGroup.Plain with
    {
        LearningRateFactor = LoraLayers.Any(layer => ReferenceEquals(layer.B, weight)) ? options.LoraplusLrRatio : 1,
        Decays = LoraLayers.All(layer => layer.Decays(weight)),
    };

    /// <inheritdoc/>
    public override void AfterStep(long step, Optimizer optimizer) => FactorsHaveMoved();

    /// <inheritdoc/>
    public override void ReadPeft(PeftTensors tensors)
    {
        base.ReadPeft(tensors);
        FactorsHaveMoved();
    }

    /// <inheritdoc/>
    public override void ReadCheckpoint(PeftTensors tensors)
    {
        base.ReadCheckpoint(tensors);
        foreach (var layer in LoraLayers) layer.MoveBase(-1);
        FactorsHaveMoved();
    }

    /// <summary>
    /// Where the base was moved, A and B alone would not give the model back on the untouched base: with the starting factors stacked below,
    /// A' = [A; A₀] and B' = [B, −B₀], rank and alpha doubled so that the scale stays, they do.
    /// </summary>
    public override PeftAdapter ToPeft()
    {
        var adapter = base.ToPeft();
        if (!HasStarted || !LoraStart.Get(options.InitLoraWeights).MovesBase) return adapter;
        var (config, tensors) = (adapter.Config, adapter.Tensors.ToDictionary(StringComparer.Ordinal));
        LoraExport.MultiplyRank(config, options, 2);
        foreach (var layer in LoraLayers)
        {
            tensors[KeyOf(layer, layer.A)] = cat([layer.A.Value, layer.Internal[0].Value], 0);
            tensors[KeyOf(layer, layer.B)] = cat([layer.B.Value, -layer.Internal[1].Value], 1);
        }

        return new PeftAdapter(config, tensors);
    }

    /// <inheritdoc/>
    protected override void SetStartingValues(StartingData data)
    {
        using var noGrad = no_grad();
        LoraStart.Get(options.InitLoraWeights).Set(LoraLayers, options, data);
        FactorsHaveMoved();
    }

    /// <summary>Lets every layer forget what it has computed from its factors.</summary>
    protected virtual void FactorsHaveMoved()
    {
        foreach (var layer in LoraLayers) layer.FactorsHaveMoved();
    }
}

/// <summary>Fields of adapter_config.json for adapters that are written with more columns than they train.</summary>
internal static class LoraExport
{
    /// <summary>Multiplies every rank by a whole number, and alpha so that no scale changes.</summary>
    public static void MultiplyRank(JsonObject config, LoraOptions options, int times)
    {
        var growth = options.UseRslora ? Math.Sqrt(times) : times;
        config["r"] = times * options.R;
        config["lora_alpha"] = growth * options.LoraAlpha;
        foreach (var (key, rank) in config["rank_pattern"]!.AsObject().ToList()) config["rank_pattern"]![key] = times * rank!.GetValue<int>();
        foreach (var (key, alpha) in config["alpha_pattern"]!.AsObject().ToList()) config["alpha_pattern"]![key] = growth * alpha!.GetValue<double>();
    }
}
