using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Models.Bert;
using LoraArena.Learning.Packing;
using LoraArena.Learning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Pretraining;

// B sequences, T tokens, D width, M hidden tokens, V vocabulary.

/// <summary>
/// Trains a BERT-type model from nothing: to guess hidden tokens, and to tell which answer is the better one. One call, one step;
/// what a step does depends on seed and step alone.
/// </summary>
public sealed class Pretrainer : IDisposable
{
    private const double MaxGradNorm = 1;
    private const double Dropout = 0.1;
    private const int MaxTokensPerMicroBatch = 8192;

    private readonly PretrainingSpec _spec;
    private readonly MaskedBatch _batches;
    private readonly PreferenceModel _model;
    private readonly MaskedLanguageHead _head;
    private readonly BattlePacker _packer;
    private readonly FlatParameters _parameters;
    private readonly AdamW _optimizer;
    private readonly LinearSchedule _schedule;

    /// <summary>Prepares a training of a new model.</summary>
    public Pretrainer(PretrainingSpec spec, MaskedBatch batches, PreferenceModel model, MaskedLanguageHead head, BattlePacker packer)
    {
        (_spec, _batches, _model, _head, _packer) = (spec, batches, model, head, packer);
        _parameters = new FlatParameters(
            model.BaseWeights.Concat(model.HeadWeights).Concat(head.Weights).Select(w => KeyValuePair.Create(w.Name, w)), model.Device);
        _optimizer = new AdamW(_parameters, spec.WeightDecay);
        _schedule = new LinearSchedule(spec.LearningRate, spec.Steps, spec.WarmupRatio);
    }

    /// <summary>Steps done.</summary>
    public long StepsDone => _optimizer.Steps;

    /// <summary>Every weight by its name: model, head, and the pooled token's classifier.</summary>
    public Dictionary<string, Tensor> Weights() => _parameters.Split(_parameters.Values);

    /// <summary>The optimiser's state by name.</summary>
    public Dictionary<string, Tensor> OptimizerState() => _optimizer.State();

    /// <summary>Takes a state back.</summary>
    /// <param name="weights">Gives a weight by its name.</param>
    /// <param name="optimizer">Gives a tensor of the optimiser's state by its name.</param>
    /// <param name="steps">Steps done.</param>
    public void Restore(Func<string, Tensor> weights, Func<string, Tensor> optimizer, long steps)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        foreach (var (name, value) in Weights()) value.copy_(weights(name));
        _optimizer.Restore(optimizer, steps);
    }

    /// <summary>Does one optimiser step.</summary>
    /// <returns>Mean loss of the guesses, and of the outcomes.</returns>
    public PretrainingLoss Step()
    {
        using var scope = NewDisposeScope();
        var step = _optimizer.Steps;
        var sequences = _batches.OfStep(step);
        _parameters.ZeroGradient();
        RandomStreams.Seed(_model.Device, _spec.Seed, RandomStreams.Purpose.Dropout, step);
        var loss = Pass(sequences, new ForwardMode(true, Dropout, 0, Dropout), backward: true);
        _parameters.ClipGradient(MaxGradNorm);
        _optimizer.Step(_schedule.At(step));
        return loss;
    }

    /// <summary>Mean losses on the held-out sequences.</summary>
    public PretrainingLoss Evaluate()
    {
        using var noGrad = no_grad();
        return Pass(_batches.OfHeldOut(), ForwardMode.Inference, backward: false);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _optimizer.Dispose();
        _parameters.Dispose();
    }

    private PretrainingLoss Pass(IReadOnlyList<MaskedSequence> sequences, ForwardMode mode, bool backward)
    {
        var guesses = Math.Max(1, sequences.Sum(s => s.Places.Count));
        var outcomes = Math.Max(1, sequences.Count(s => s.Better is not null));
        var (guessLoss, outcomeLoss) = (0.0, 0.0);
        foreach (var micro in EpochPlan.MicroBatches(sequences, s => s.Packed.Length, MaxTokensPerMicroBatch))
        {
            using var scope = NewDisposeScope();
            using var batch = _packer.Batch([.. micro.Select(s => s.Packed)], _model.Device);
            var hiddenBTD = _model.Backbone.HiddenStates(batch, mode);
            var guess = MaskedLmLoss(hiddenBTD, micro) / guesses;
            var outcome = PreferenceLoss(hiddenBTD, micro, mode) / outcomes;
            if (backward) (guess + outcome).backward();
            guessLoss += guess.ToDouble();
            outcomeLoss += outcome.ToDouble();
        }

        return new PretrainingLoss(guessLoss, outcomeLoss);
    }

    // Only the hidden places go through the head: it is as wide as the vocabulary.
    private Tensor MaskedLmLoss(Tensor hiddenBTD, MaskedSequence[] micro)
    {
        var tokens = hiddenBTD.shape[1];
        var places = micro.SelectMany((s, b) => s.Places.Select(t => (b * tokens) + t)).ToArray();
        if (places.Length == 0) return zeros([], ScalarType.Float32, _model.Device);
        var hiddenMD = hiddenBTD.reshape(-1, hiddenBTD.shape[2]).index_select(0, tensor(places, device: _model.Device));
        var truthM = tensor(micro.SelectMany(s => s.Guesses.Select(id => (long)id)).ToArray(), device: _model.Device);
        return nn.functional.cross_entropy(_head.Forward(hiddenMD), truthM, reduction: nn.Reduction.Sum);
    }

    private Tensor PreferenceLoss(Tensor hiddenBTD, MaskedSequence[] micro, ForwardMode mode)
    {
        var rows = micro.Select((s, b) => (s.Better, Row: (long)b)).Where(r => r.Better is not null).ToList();
        if (rows.Count == 0) return zeros([], ScalarType.Float32, _model.Device);
        var firstBD = hiddenBTD.select(1, 0).index_select(0, tensor(rows.Select(r => r.Row).ToArray(), device: _model.Device));
        var logits = _model.ScorePooled(((BertModel)_model.Backbone).Pool(firstBD, mode), mode);
        return nn.functional.cross_entropy(
            logits, tensor(rows.Select(r => (long)r.Better!.Value).ToArray(), device: _model.Device), reduction: nn.Reduction.Sum);
    }
}

/// <summary>Losses of a pre-training.</summary>
/// <param name="Guess">Mean cross-entropy of the hidden tokens, in nats; its exponential is the perplexity.</param>
/// <param name="Outcome">Mean cross-entropy of the battles' outcomes.</param>
public sealed record PretrainingLoss(double Guess, double Outcome);
