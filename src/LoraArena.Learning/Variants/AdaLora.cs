using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Models.Shared;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// R init_r, I features in, O features out, L layers.

/// <summary>
/// AdaLoRA: ΔW = (α/init_r) B diag(E) A, and the entries of E that matter least of all layers together are set to zero while the training goes on,
/// until target_r a layer are left on average. Zhang et al. 2023, arXiv:2303.10512.
/// </summary>
public sealed class AdaLora : LoraVariant<AdaLoraOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "adalora", "AdaLoRA", "Starts with more rank than it keeps and takes it away where it matters least.", "arXiv:2303.10512", PeftType: "ADALORA", ParameterFormula: "init_r · (I + O + 1)")
    {
        SizeOption = "init_r",
    };

    /// <inheritdoc/>
    public override IReadOnlyList<OptionRule> Rules { get; } =
    [
        new("target_r", "a smaller init_r", "ranks are only taken away", options => ((AdaLoraOptions)options).TargetR > ((AdaLoraOptions)options).InitR),
    ];

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, AdaLoraOptions options, VariantContext context) => new AdaLoraLayer(site, options, context);

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, AdaLoraOptions options) => options.InitR * (site.InFeatures + site.OutFeatures + 1);

    /// <inheritdoc/>
    public override JsonObject PeftConfig(AdaLoraOptions options) => new()
    {
        ["init_r"] = options.InitR,
        ["target_r"] = options.TargetR,
        ["r"] = 8,
        ["lora_alpha"] = options.LoraAlpha,
        ["lora_dropout"] = options.LoraDropout,
        ["beta1"] = options.Beta1,
        ["beta2"] = options.Beta2,
        ["orth_reg_weight"] = options.OrthRegWeight,
        ["tinit"] = options.Tinit ?? 0,
        ["tfinal"] = options.Tfinal ?? 0,
        ["deltaT"] = options.DeltaT ?? 1,
        ["total_step"] = Math.Max(options.TotalStep, (options.Tinit ?? 0) + (options.Tfinal ?? 0) + 1),
        ["bias"] = "none",
        ["fan_in_fan_out"] = false,
        ["use_dora"] = false,
        ["use_rslora"] = false,
        ["init_lora_weights"] = true,
    };

    /// <inheritdoc/>
    public override AdaLoraOptions FromConfig(PeftConfigReader config)
    {
        config.RequireUnset("lora_bias", "fan_in_fan_out", "use_dora", "use_rslora", "layer_replication");
        config.Require("bias", "none");
        return new AdaLoraOptions
        {
            InitR = config.Size("init_r", 12),
            TargetR = config.Size("target_r", 8),
            LoraAlpha = config.Number("lora_alpha", 8),
            LoraDropout = config.Number("lora_dropout", 0),
            Beta1 = config.Number("beta1", 0.85),
            Beta2 = config.Number("beta2", 0.85),
            OrthRegWeight = config.Number("orth_reg_weight", 0.5),
            Tinit = (int)config.Number("tinit", 0),
            Tfinal = (int)config.Number("tfinal", 0),
            DeltaT = config.Size("deltaT", 1),
            TotalStep = (int)config.Number("total_step", 0),
        };
    }

    /// <inheritdoc/>
    protected override AttachedVariant Hold(PreferenceModel model, AdaLoraOptions options, IReadOnlyList<AdapterLayer> layers, long seed)
        => new AttachedAdaLora(this, options, [.. layers.Cast<AdaLoraLayer>()]);
}

/// <summary>Options of AdaLoRA, by PEFT's names.</summary>
public sealed record AdaLoraOptions : VariantOptions
{
    /// <summary>Rank that every layer starts with: one and a half times target_r is usual.</summary>
    [Range(1, 1024)]
    public int InitR { get; init; } = 12;

    /// <summary>Rank that is left at the end, on average over the layers.</summary>
    [Range(1, 1024)]
    public int TargetR { get; init; } = 8;

    /// <summary>The update is scaled by lora_alpha / init_r, however much is left.</summary>
    [Range(0.0, 100_000.0)]
    public double LoraAlpha { get; init; } = 32;

    /// <summary>Dropout on the adapter's input.</summary>
    [Range(0.0, 0.99)]
    public double LoraDropout { get; init; }

    /// <summary>Steps before ranks are taken away; nothing for a tenth of the training.</summary>
    [Range(0, 10_000_000)]
    public int? Tinit { get; init; }

    /// <summary>Steps at the end in which the ranks stay as they are; nothing for three tenths of the training.</summary>
    [Range(0, 10_000_000)]
    public int? Tfinal { get; init; }

    /// <summary>Steps between two times that ranks are taken away; nothing for a hundredth of the training.</summary>
    [Range(1, 10_000_000)]
    public int? DeltaT { get; init; }

    /// <summary>Decay of the average of importance.</summary>
    [Range(0.01, 0.9999)]
    public double Beta1 { get; init; } = 0.85;

    /// <summary>Decay of the average of its uncertainty.</summary>
    [Range(0.01, 0.9999)]
    public double Beta2 { get; init; } = 0.85;

    /// <summary>Weight of the term that keeps B's columns and A's rows orthonormal.</summary>
    [Range(0.0, 100.0)]
    public double OrthRegWeight { get; init; } = 0.5;

    // What a file says; a training counts its own steps.
    internal int TotalStep { get; init; }
}

/// <summary>When ranks are taken away, in optimiser steps from 1.</summary>
/// <param name="Total">Steps of the training.</param>
/// <param name="First">Up to this step nothing is taken.</param>
/// <param name="Last">In this step it is done for the last time; after it the choice stays.</param>
/// <param name="Every">Steps between two times.</param>
public sealed record AdaLoraSchedule(long Total, long First, long Last, long Every)
{
    /// <summary>The schedule of a training.</summary>
    /// <exception cref="OptionException">The training is too short for what the options say.</exception>
    public static AdaLoraSchedule Of(AdaLoraOptions options, long total)
    {
        var first = options.Tinit ?? total / 10;
        var last = total - (options.Tfinal ?? (total * 3 / 10));
        if (first >= last && total > 1) throw new OptionException($"adalora: tinit {first} and tfinal {total - last} leave none of the training's {total} steps to take ranks away in.");
        return new AdaLoraSchedule(total, first, Math.Max(1, last), options.DeltaT ?? Math.Max(1, total / 100));
    }

    /// <summary>Entries of E that may be other than zero after a step.</summary>
    public long Budget(long step, long start, long target)
    {
        if (step <= First) return start;
        if (step >= Last) return target;
        var left = 1 - ((double)(step - First) / (Last - First));
        return (long)(((start - target) * left * left * left) + target);
    }

    /// <summary>True if ranks are taken away in a step.</summary>
    public bool Masks(long step) => step == Last || (step > First && step < Last && step % Every == 0);
}

/// <summary>One layer with AdaLoRA.</summary>
public sealed class AdaLoraLayer : AdapterLayer
{
    // PEFT adds it to the rank that it divides by.
    private const double Epsilon = 1e-5;
    private const double Deviation = 0.02;
    private readonly double _dropout;
    private readonly double _scale;

    /// <summary>Makes the layer: A and B normal with deviation 0.02, E zero.</summary>
    public AdaLoraLayer(Projection site, AdaLoraOptions options, VariantContext context) : base(site)
    {
        using var scope = NewDisposeScope();
        var device = site.Weight.Value.device;
        (_dropout, _scale) = (options.LoraDropout, options.LoraAlpha / (options.InitR + Epsilon));
        context.SeedStart();
        A = new Weight("lora_A", (randn([options.InitR, site.InFeatures], ScalarType.Float32, CPU) * Deviation).to(device));
        B = new Weight("lora_B", (randn([site.OutFeatures, options.InitR], ScalarType.Float32, CPU) * Deviation).to(device));
        E = new Weight("lora_E", zeros([options.InitR, 1], ScalarType.Float32, device));
    }

    /// <summary>[R, I].</summary>
    public Weight A { get; }

    /// <summary>[O, R].</summary>
    public Weight B { get; }

    /// <summary>[R, 1].</summary>
    public Weight E { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Weight> Weights => [A, B, E];

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, ForwardMode mode)
    {
        using var scope = NewDisposeScope();
        var dropped = Dropout.Apply(x.to(ScalarType.Float32), _dropout, mode);
        var update = nn.functional.linear(nn.functional.linear(dropped, A.Value * E.Value * _scale), B.Value);
        return (Site.Base(x) + update.to(x.dtype)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor DeltaWeight()
    {
        using var scope = NewDisposeScope();
        return (mm(B.Value, A.Value * E.Value) * _scale).MoveToOuterDisposeScope();
    }
}

/// <summary>AdaLoRA on a model: importance, budget and mask.</summary>
internal sealed class AttachedAdaLora : AttachedVariant
{
    private readonly AdaLoraOptions _options;
    private readonly IReadOnlyList<AdaLoraLayer> _layers;
    private readonly Tensor _keptLR;
    private FlatParameters? _parameters;
    private Tensor? _importance;
    private Tensor? _uncertainty;
    private AdaLoraSchedule _schedule = new(0, 0, 0, 1);
    private IReadOnlyList<int>? _read;
    private bool _isFinal;

    public AttachedAdaLora(AdaLora variant, AdaLoraOptions options, IReadOnlyList<AdaLoraLayer> layers) : base(variant, options, layers)
    {
        (_options, _layers) = (options, layers);
        _keptLR = ones([layers.Count, options.InitR], ScalarType.Float32, layers[0].Site.Weight.Value.device).DetachFromDisposeScope();
    }

    public override Optimizer CreateOptimizer(FlatParameters parameters, double weightDecay)
    {
        _importance?.Dispose();
        _uncertainty?.Dispose();
        _parameters = parameters;
        _importance = zeros_like(parameters.Values).DetachFromDisposeScope();
        _uncertainty = zeros_like(parameters.Values).DetachFromDisposeScope();
        return base.CreateOptimizer(parameters, weightDecay);
    }

    public override void Plan(long steps, long stepsPerEpoch) => _schedule = AdaLoraSchedule.Of(_options, steps);

    public override void Resume(long steps) => _isFinal = steps >= _schedule.Last;

    /// <summary>Mean distance of Bᵀ B and A Aᵀ from the identity, in Frobenius' norm.</summary>
    public override Tensor? ExtraLoss()
    {
        if (_options.OrthRegWeight == 0) return null;
        using var scope = NewDisposeScope();
        var rows = cat([stack(_layers.Select(l => Gram(l.A.Value))), stack(_layers.Select(l => Gram(l.B.Value.t())))]);
        var distances = (rows - eye(_options.InitR, dtype: ScalarType.Float32, device: rows.device)).square().sum([1, 2]).sqrt();
        return (distances.mean() * _options.OrthRegWeight).MoveToOuterDisposeScope();

        static Tensor Gram(Tensor wide) => mm(wide, wide.t());
    }

    public override void AfterStep(long step, Optimizer optimizer)
    {
        using var scope = NewDisposeScope();
        if (step < _schedule.Last) Watch();
        if (_schedule.Masks(step)) Choose(_schedule.Budget(step, (long)_layers.Count * _options.InitR, (long)_layers.Count * _options.TargetR));
        _isFinal = step >= _schedule.Last;
        if (!_isFinal && !_schedule.Masks(step)) return;

        // After the last choice too: Adam's averages would move what was set to zero.
        for (var i = 0; i < _layers.Count; i++) _layers[i].E.Value.detach().mul_(_keptLR[i].unsqueeze(1));
    }

    public override IReadOnlyDictionary<string, Tensor> State()
    {
        var state = new Dictionary<string, Tensor> { ["kept"] = _keptLR };
        if (_parameters is null) return state;
        foreach (var (name, value) in _parameters.Split(_importance!)) state.Add("importance." + name, value);
        foreach (var (name, value) in _parameters.Split(_uncertainty!)) state.Add("uncertainty." + name, value);
        return state;
    }

    /// <summary>Once the ranks are chosen, only what is kept is written, and rank_pattern says which.</summary>
    public override PeftAdapter ToPeft()
    {
        var adapter = base.ToPeft();
        var kept = Kept();
        if (_schedule.Total > 0) adapter.Config["total_step"] = _schedule.Total;
        if (kept is null) return adapter;
        var (pattern, tensors) = (new JsonObject(), adapter.Tensors.ToDictionary(StringComparer.Ordinal));
        for (var i = 0; i < _layers.Count; i++)
        {
            var (layer, rows) = (_layers[i], tensor(kept[i].Select((k, row) => (k, (long)row)).Where(p => p.k).Select(p => p.Item2).ToArray(), ScalarType.Int64, _keptLR.device));
            pattern[layer.Site.Path + ".lora_E"] = new JsonArray([.. kept[i].Select(k => (JsonNode)k)]);
            tensors[KeyOf(layer, layer.A)] = layer.A.Value.index_select(0, rows);
            tensors[KeyOf(layer, layer.B)] = layer.B.Value.index_select(1, rows);
            tensors[KeyOf(layer, layer.E)] = layer.E.Value.index_select(0, rows);
        }

        adapter.Config["rank_pattern"] = pattern;
        return new PeftAdapter(adapter.Config, tensors);
    }

    /// <summary>A file may hold fewer rows than init_r: they take the first places, and the others stay zero.</summary>
    public override void ReadPeft(PeftTensors tensors)
    {
        var ranks = new List<int>();
        foreach (var layer in _layers)
        {
            var rank = tensors.ShapeOf(KeyOf(layer, layer.E))[0];
            foreach (var (weight, dimension) in new[] { (layer.A, 0), (layer.B, 1), (layer.E, 0) })
            {
                var shape = weight.Shape;
                shape[dimension] = rank;
                var stored = tensors.Take(KeyOf(layer, weight), shape);
                weight.Value.zero_();
                if (rank > _options.InitR) throw new PeftException(KeyOf(layer, weight), $"it has rank {rank}, more than init_r {_options.InitR}");
                weight.Value.narrow(dimension, 0, rank).copy_(stored);
            }

            ranks.Add((int)rank);
        }

        if (ranks.Any(rank => rank < _options.InitR)) _read = ranks;
        MarkStarted();
    }

    protected override void Release()
    {
        _keptLR.Dispose();
        _importance?.Dispose();
        _uncertainty?.Dispose();
    }

    private bool[][]? Kept()
    {
        if (_read is { } ranks) return [.. ranks.Select(rank => Enumerable.Range(0, _options.InitR).Select(i => i < rank).ToArray())];
        if (!_isFinal || _schedule.Total == 0) return null;
        var kept = _keptLR.cpu().data<float>().ToArray();
        return [.. Enumerable.Range(0, _layers.Count).Select(layer => Enumerable.Range(0, _options.InitR).Select(i => kept[(layer * _options.InitR) + i] > 0).ToArray())];
    }

    // Importance |p ∂p| of every number, its average, and the average of how far it strays.
    private void Watch()
    {
        var now = (_parameters!.Values * _parameters.Gradient).abs_();
        _importance!.mul_(_options.Beta1).add_(now, alpha: 1 - _options.Beta1);
        _uncertainty!.mul_(_options.Beta2).add_((now - _importance).abs_(), alpha: 1 - _options.Beta2);
    }

    // Keeps the triplets of all layers that score highest, exactly as many as the budget allows; of equal ones the first.
    private void Choose(long budget)
    {
        var scores = _parameters!.Split(_importance! * _uncertainty!);
        var scoresLR = stack(_layers.Select(layer =>
            scores[KeyOf(layer, layer.E)].squeeze(1) + scores[KeyOf(layer, layer.A)].mean([1]) + scores[KeyOf(layer, layer.B)].mean([0])));
        var first = scoresLR.view(-1).sort(0, descending: true, stable: true).Indices.narrow(0, 0, budget);
        _keptLR.zero_();
        _keptLR.view(-1).scatter_(0, first, ones_like(first, ScalarType.Float32));
    }
}
