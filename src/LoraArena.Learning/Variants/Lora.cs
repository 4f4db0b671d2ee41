using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Models.Shared;
using LoraArena.Learning.Options;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// R rank, I features in, O features out, N any leading sizes.

/// <summary>LoRA: y = Wx + b + (α/r) B A dropout(x), with W frozen. Hu et al. 2021, arXiv:2106.09685.</summary>
public sealed class Lora : LoraFamily<LoraOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "lora", "LoRA", "Adds a trainable product of two thin matrices to each frozen weight.", "arXiv:2106.09685", PeftType: "LORA", ParameterFormula: "r · (I + O)")
    {
        QuantizedBase = true,
    };

    /// <inheritdoc/>
    public override bool Claims(PeftConfigReader config) => config.PeftType == "LORA" && !config.Flag("use_dora") && !config.Flag("use_rslora") && !config.Is("init_lora_weights", Mica.Start);
}

/// <summary>Options of LoRA and of every method that is LoRA with one thing changed, by PEFT's names.</summary>
public record LoraOptions : VariantOptions
{
    /// <summary>Rank: the width between the two thin matrices.</summary>
    [Range(1, 1024)]
    public int R { get; init; } = 16;

    /// <summary>The product is scaled by lora_alpha / r. A common choice is twice the rank.</summary>
    [Range(0.0, 100_000.0)]
    public double LoraAlpha { get; init; } = 32;

    /// <summary>Dropout on the adapter's input; the base layer sees the input whole.</summary>
    [Range(0.0, 0.99)]
    public double LoraDropout { get; init; }

    /// <summary>Starting values: kaiming (PEFT's true: A uniform within ±1/√I, B zero), gaussian (A with deviation 1/r), or one of the methods that start from the weights or the data.</summary>
    [OptionChoices(typeof(LoraStart))]
    public string InitLoraWeights { get; init; } = "kaiming";

    /// <summary>Scales the product by lora_alpha / √r instead, so that high ranks learn as fast as low ones (rsLoRA).</summary>
    public bool UseRslora { get; init; }

    /// <summary>Learning rate of B over that of A (LoRA+). 1 is plain LoRA.</summary>
    [Range(0.01, 1000.0)]
    public double LoraplusLrRatio { get; init; } = 1;

    /// <summary>Another rank for some layers: the end of a layer's path, an equals sign and the rank, as in query=4, output.dense=32.</summary>
    public string? RankPattern { get; init; }

    /// <summary>Another lora_alpha for some layers, written as for rank_pattern.</summary>
    public string? AlphaPattern { get; init; }

    /// <summary>Rank of a site.</summary>
    public int RankOf(string path) => SitePattern.Parse("rank_pattern", RankPattern).For(path) is { } rank ? (int)rank : R;

    /// <summary>What multiplies B A at a site.</summary>
    public double ScaleOf(string path)
    {
        var alpha = SitePattern.Parse("alpha_pattern", AlphaPattern).For(path) ?? LoraAlpha;
        return alpha / (UseRslora ? Math.Sqrt(RankOf(path)) : RankOf(path));
    }

    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
        foreach (var (key, rank) in SitePattern.Parse("rank_pattern", RankPattern).Entries)
        {
            if (rank != Math.Floor(rank) || rank > 1024) throw new OptionException(FormattableString.Invariant($"rank_pattern gives '{key}' the rank {rank}; a whole number from 1 to 1024 is needed."));
        }

        _ = SitePattern.Parse("alpha_pattern", AlphaPattern);
    }
}

/// <summary>LoRA and the methods that are LoRA with one thing changed: they share options, layer and file format.</summary>
/// <typeparam name="TOptions">The record of its options.</typeparam>
public abstract class LoraFamily<TOptions> : LoraVariant<TOptions> where TOptions : LoraOptions, new()
{
    /// <summary>A start from the base weights, or one that moves them, needs their numbers.</summary>
    public override bool WorksOnQuantizedBase(VariantOptions options) => Info.QuantizedBase && ((LoraOptions)options).InitLoraWeights is "kaiming" or "gaussian" or "eva";

    /// <summary>No file is read as this variant unless it says so: on disk most of the family are plain LoRA.</summary>
    public override bool Claims(PeftConfigReader config) => false;

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, TOptions options, VariantContext context) => new LoraLayer(site, options, context);

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, TOptions options) => options.RankOf(site.Path) * (site.InFeatures + site.OutFeatures);

    /// <inheritdoc/>
    public override JsonObject PeftConfig(TOptions options) => new()
    {
        ["r"] = options.R,
        ["lora_alpha"] = options.LoraAlpha,
        ["lora_dropout"] = options.LoraDropout,
        ["init_lora_weights"] = LoraStart.Get(options.InitLoraWeights).PeftName is { } name ? name : true,
        ["bias"] = "none",
        ["fan_in_fan_out"] = false,
        ["rank_pattern"] = Table("rank_pattern", options.RankPattern),
        ["alpha_pattern"] = Table("alpha_pattern", options.AlphaPattern),
        ["use_rslora"] = options.UseRslora,
        ["use_dora"] = false,
    };

    /// <inheritdoc/>
    public override TOptions FromConfig(PeftConfigReader config)
    {
        config.RequireUnset("lora_bias", "fan_in_fan_out", "layer_replication", "target_parameters", "trainable_token_indices", "use_qalora", "use_bdlora");
        config.RequireUnset("alora_invocation_tokens", "arrow_config", "kasa_config", "monteclora_config", "velora_config");
        config.Require("bias", "none");

        // Starts such as PiSSA's move the base weight too: their A and B alone do not give the trained model.
        config.Require("init_lora_weights", "true", "false", "gaussian", "orthogonal", "eva", "mica");
        return new TOptions() with
        {
            // What PEFT itself assumes where a field is missing.
            R = config.Size("r", 8),
            LoraAlpha = config.Number("lora_alpha", 8),
            LoraDropout = config.Number("lora_dropout", 0),
            UseRslora = config.Flag("use_rslora"),
            RankPattern = config.Table("rank_pattern"),
            AlphaPattern = config.Table("alpha_pattern"),
            InitLoraWeights = "kaiming",
        };
    }

    /// <inheritdoc/>
    protected override AttachedVariant Hold(PreferenceModel model, TOptions options, IReadOnlyList<AdapterLayer> layers, long seed) => new AttachedLora(this, options, [.. layers.Cast<LoraLayer>()]);

    private static JsonObject Table(string name, string? pattern) => new(SitePattern.Parse(name, pattern).Entries.Select(e => KeyValuePair.Create<string, JsonNode?>(e.Key, name == "rank_pattern" ? (int)e.Value : e.Value)));
}

/// <summary>One layer with LoRA.</summary>
public class LoraLayer : AdapterLayer
{
    private readonly double _dropout;
    private readonly IReadOnlyList<Weight> _start;

    /// <summary>Makes the layer; A and B have the values that a seed alone gives.</summary>
    public LoraLayer(Projection site, LoraOptions options, VariantContext context) : base(site)
    {
        using var scope = NewDisposeScope();
        (Rank, Scale, _dropout) = (options.RankOf(site.Path), options.ScaleOf(site.Path), options.LoraDropout);
        var start = LoraStart.Get(options.InitLoraWeights);
        var device = site.Device;
        context.SeedStart();
        var (aRI, bOR) = start.Draw(site.Shape, Rank);
        A = new Weight("lora_A.weight", aRI.to(device));
        B = new Weight("lora_B.weight", bOR.to(device));
        _start = start.MovesBase ? [new Weight("start_A", zeros_like(A.Value)), new Weight("start_B", zeros_like(B.Value))] : [];
    }

    /// <summary>A, [R, I].</summary>
    public Weight A { get; private set; }

    /// <summary>B, [O, R].</summary>
    public Weight B { get; private set; }

    /// <summary>Columns of B.</summary>
    public int Rank { get; private set; }

    /// <summary>What multiplies B A.</summary>
    public double Scale { get; private set; }

    /// <inheritdoc/>
    public override IReadOnlyList<Weight> Weights => [A, B];

    /// <summary>What A and B started from, where the base weight was moved by −s B A of them; empty where it was not.</summary>
    public override IReadOnlyList<Weight> Internal => _start;

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, ForwardMode mode) => Product(x, mode, [this])[0];

    /// <inheritdoc/>
    public override bool JoinsWith(AdapterLayer other) => IsPlain && other is LoraLayer lora && lora.GetType() == GetType() && lora._dropout == _dropout;

    /// <summary>True if the layer's output is LoRA's own: a relative that computes another one cannot join.</summary>
    protected virtual bool IsPlain => GetType() == typeof(LoraLayer);

    /// <inheritdoc/>
    public override IReadOnlyList<Tensor> ForwardTogether(Tensor x, ForwardMode mode, IReadOnlyList<AdapterLayer> layers) => Product(x, mode, [.. layers.Cast<LoraLayer>()]);

    private IReadOnlyList<Tensor> Product(Tensor x, ForwardMode mode, IReadOnlyList<LoraLayer> layers)
    {
        var dropout = mode.Training ? _dropout : 0;
        if (layers.Any(layer => layer.Site.Bias is { Value.requires_grad: true } || layer.Site.Matrix is DenseMatrix { Weight.Value.requires_grad: true }))
        {
            return [.. layers.Select(layer => layer.Composed(x, mode))];
        }

        // Where the pass has no seeds of its own, libtorch's generator gives one.
        var seed = dropout == 0 ? 0 : mode.Random?.NextSeed() ?? RandomStreams.Next();
        return LowRankProduct.Of(x, [.. layers.Select(layer => new LowRankSite(layer.Site.Matrix, layer.Site.Bias?.Value, layer.A.Value, layer.B.Value, layer.Scale))], dropout, seed);
    }

    // Of plain operations, for a base that has gradients itself.
    private Tensor Composed(Tensor x, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var dropped = Dropout.Apply(x.to(ScalarType.Float32), _dropout, mode);
        var hNR = nn.functional.linear(dropped, A.Value) * Scale;
        return (Site.Base(x) + nn.functional.linear(hNR, B.Value).to(x.dtype)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        return (mm(B.Value, A.Value) * Scale).MoveToOuterDisposeScope();
    }

    /// <summary>Starts from factors that the weights or the data gave.</summary>
    /// <param name="aRI">A, [R, I].</param>
    /// <param name="bOR">B, [O, R].</param>
    public void StartFrom(Tensor aRI, Tensor bOR)
    {
        A.Value.detach().copy_(aRI);
        B.Value.detach().copy_(bOR);
        if (_start.Count == 0) return;
        _start[0].Value.copy_(aRI);
        _start[1].Value.copy_(bOR);
        MoveBase(-1);
    }

    /// <summary>Takes another rank before anything is trained: rows that there are stay, more are zero, and so is B.</summary>
    internal void ChangeRank(int rank, double scale)
    {
        using var scope = NewDisposeScope();
        Scale = scale;
        if (rank == Rank) return;
        var (a, b) = (new Weight(A.Name, zeros([rank, Site.InFeatures], ScalarType.Float32, A.Value.device)), new Weight(B.Name, zeros([Site.OutFeatures, rank], ScalarType.Float32, A.Value.device)));
        a.Value.narrow(0, 0, Math.Min(rank, Rank)).copy_(A.Value.narrow(0, 0, Math.Min(rank, Rank)));
        A.Dispose();
        B.Dispose();
        (A, B, Rank) = (a, b, rank);
    }

    /// <summary>Moves the base weight by ±s B A of the starting values.</summary>
    internal void MoveBase(double sign)
    {
        if (_start.Count == 0) return;
        using var scope = NewDisposeScope();
        Site.Weight.Value.add_(mm(_start[1].Value, _start[0].Value), alpha: sign * Scale);
        BaseHasMoved();
    }

    /// <inheritdoc/>
    public override void Detach()
    {
        using var noGrad = no_grad();
        MoveBase(1);
        base.Detach();
    }

    /// <summary>Follows a change of the base weight.</summary>
    protected virtual void BaseHasMoved()
    {
    }
}

/// <summary>LoRA on a model: starting values from weights or data, LoRA+'s learning rates, and files that hold on the untouched base.</summary>
/// <param name="variant">The method.</param>
/// <param name="options">Its options.</param>
/// <param name="layers">Its layers.</param>
public class AttachedLora(LoraVariant variant, LoraOptions options, IReadOnlyList<LoraLayer> layers) : AttachedVariant(variant, options, layers)
{
    /// <summary>The layers as what they are.</summary>
    public IReadOnlyList<LoraLayer> LoraLayers { get; } = layers;

    /// <inheritdoc/>
    public override OptimizerGroup GroupOf(Weight weight) => LoraLayers.Any(layer => ReferenceEquals(layer.B, weight)) ? OptimizerGroup.Plain with { LearningRateFactor = options.LoraplusLrRatio } : OptimizerGroup.Plain;

    /// <inheritdoc/>
    public override void ReadCheckpoint(PeftTensors tensors)
    {
        base.ReadCheckpoint(tensors);
        foreach (var layer in LoraLayers) layer.MoveBase(-1);
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
