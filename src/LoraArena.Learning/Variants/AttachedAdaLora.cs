using System.Text.Json.Nodes;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// R init_r, I features in, O features out, L layers.

/// <summary>AdaLoRA on a model: importance, budget and mask.</summary>
internal sealed class AttachedAdaLora : AttachedVariant
{
    private readonly AdaLoraOptions _options;
    private readonly IReadOnlyList<AdaLoraLayer> _layers;
    private readonly Tensor _keptLR;
    private FlatParameters? _parameters;
    private Tensor? _importance;
    private Tensor? _uncertainty;

    // Until the length is known nothing is taken away, and importance is watched.
    private AdaLoraSchedule _schedule = new(0, long.MaxValue, long.MaxValue, 1);
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

        // The last choice is made in any case: a length that is known late may have put it into the past.
        var chooses = _schedule.Masks(step) || (step > _schedule.Last && !_isFinal);
        if (chooses) Choose(_schedule.Budget(step, (long)_layers.Count * _options.InitR, (long)_layers.Count * _options.TargetR));
        _isFinal = step >= _schedule.Last;
        if (!_isFinal && !chooses) return;

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

    public override IReadOnlyDictionary<string, Tensor> FinalState() => new Dictionary<string, Tensor> { ["kept"] = _keptLR };

    // Only once ranks are chosen is one of them gone.
    public override void StateHasBeenRead() => _isFinal = _keptLR.min().ToSingle() == 0;

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
            var (layer, rows) = (
                _layers[i],
                tensor(kept[i].Select((k, row) => (k, (long)row)).Where(p => p.k).Select(p => p.Item2).ToArray(), ScalarType.Int64, _keptLR.device));
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
        if (!_isFinal) return null;
        var kept = _keptLR.cpu().data<float>().ToArray();
        return [.. Enumerable.Range(0, _layers.Count).Select(layer => Enumerable.Range(0, _options.InitR)
            .Select(i => kept[(layer * _options.InitR) + i] > 0)
            .ToArray())];
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
