using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

/// <summary>
/// A variant on a model: its layers, and the hooks that training calls, in this order: <see cref="Start"/> once; then in each step forward
/// and backward passes, the backward pass of <see cref="ExtraLoss"/>, <see cref="AfterBackward"/>, clipping, the optimiser's step and
/// <see cref="AfterStep"/>. A method with hooks derives this class; one without uses it as it is.
/// </summary>
/// <param name="variant">The method.</param>
/// <param name="options">Its options.</param>
/// <param name="layers">Its layers, in the order of the sites.</param>
public class AttachedVariant(LoraVariant variant, VariantOptions options, IReadOnlyList<AdapterLayer> layers) : IDisposable
{
    /// <summary>Where a module's path starts in a key of an adapter file.</summary>
    protected const string Root = "base_model.model.";

    /// <summary>Where the name of a tensor that all layers share starts in an adapter file.</summary>
    protected const string SharedRoot = "base_model.";

    /// <summary>The method.</summary>
    public LoraVariant Variant { get; } = variant;

    /// <summary>Its options.</summary>
    public VariantOptions Options { get; } = options;

    /// <summary>Its layers, in the order of the sites.</summary>
    public IReadOnlyList<AdapterLayer> Layers { get; } = layers;

    /// <summary>Weights of the model itself that are trained and saved beside the adapter: <c>modules_to_save</c> and <c>bias</c>.</summary>
    public IReadOnlyList<AdapterWeight> BaseWeights { get; internal set; } = [];

    /// <summary>Tokens that the method adds to every sequence; null for none.</summary>
    public virtual VirtualTokens? VirtualTokens => null;

    /// <summary>Where the path of the head starts in an adapter file.</summary>
    public virtual string HeadRoot => Root;

    /// <summary>True once <see cref="Start"/> has run or an adapter has been read.</summary>
    public bool HasStarted { get; private set; }

    /// <summary>The modules that it adapts, as adapter_config.json lists them.</summary>
    public virtual IEnumerable<string> TargetPaths => Layers.Select(layer => layer.Site.Path);

    /// <summary>All tensors of the adapter by the keys of PEFT's files: those of the layers, and those that layers share.</summary>
    public virtual IEnumerable<AdapterWeight> Weights
        => Layers.SelectMany(layer => layer.Weights.Select(w => new AdapterWeight(KeyOf(layer, w), w, Trained: true))
        .Concat(layer.Frozen.Select(w => new AdapterWeight(KeyOf(layer, w), w, Trained: false)))
        .Concat(layer.Internal.Select(w => new AdapterWeight(KeyOf(layer, w), w, Trained: false, Exported: false))));

    /// <summary>Gives the adapter its starting values where they take more than a seed: the base weights, or batches of the training data.</summary>
    /// <param name="data">Training data to look at.</param>
    public void Start(StartingData data)
    {
        if (HasStarted) return;
        HasStarted = true;
        using var scope = NewDisposeScope();
        SetStartingValues(data);
    }

    /// <summary>How the optimiser treats a trained weight: <see cref="OptimizerGroup.Plain"/> unless a variant says otherwise.</summary>
    public virtual OptimizerGroup GroupOf(Weight weight) => OptimizerGroup.Plain;

    /// <summary>The optimiser of adapter and head: AdamW unless a variant is an optimiser itself.</summary>
    /// <param name="parameters">What it moves.</param>
    /// <param name="weightDecay">Decoupled weight decay.</param>
    public virtual Optimizer CreateOptimizer(FlatParameters parameters, double weightDecay) => new AdamW(parameters, weightDecay);

    /// <summary>The learning rate of a step, counted from 0: the schedule's unless a variant starts it anew.</summary>
    public virtual double LearningRate(LinearSchedule schedule, double step) => schedule.At(step);

    /// <summary>
    /// Optimiser steps since the optimiser was last reset, once the training has done <paramref name="steps"/>: all of them unless a
    /// variant resets it.
    /// </summary>
    public virtual long OptimizerSteps(long steps) => steps;

    /// <summary>
    /// Learns how long the training will be: before the first step, or, where a budget of seconds ends it, once the pace is known; and again when it
    /// goes on from a checkpoint.
    /// </summary>
    public virtual void Plan(long steps, long stepsPerEpoch)
    {
    }

    /// <summary>Learns that the training goes on after that many steps; weights have been read already, <see cref="State"/> not yet.</summary>
    public virtual void Resume(long steps)
    {
    }

    /// <summary>A term that the loss of every step gains; null for none.</summary>
    public virtual Tensor? ExtraLoss() => null;

    /// <summary>Changes gradients once they are whole, before they are clipped.</summary>
    /// <param name="step">The step that is being done, from 1.</param>
    public virtual void AfterBackward(long step)
    {
    }

    /// <summary>Follows the optimiser's step; the gradients are still there.</summary>
    /// <param name="step">The step that has been done, from 1.</param>
    /// <param name="optimizer">The optimiser.</param>
    public virtual void AfterStep(long step, Optimizer optimizer)
    {
    }

    /// <summary>What the method keeps besides weights and optimiser: views by name, which a checkpoint writes from and reads into.</summary>
    public virtual IReadOnlyDictionary<string, Tensor> State() => new Dictionary<string, Tensor>();

    /// <summary>What of <see cref="State"/> the finished adapter needs: all of it unless a method keeps notes for training alone.</summary>
    public virtual IReadOnlyDictionary<string, Tensor> FinalState() => State();

    /// <summary>Learns that <see cref="FinalState"/> has been read back.</summary>
    public virtual void StateHasBeenRead()
    {
    }

    /// <summary>
    /// The adapter as an adapter folder has it: fields of adapter_config.json and tensors by key. The tensors belong to the caller's
    /// dispose scope.
    /// </summary>
    public virtual PeftAdapter ToPeft()
    {
        var config = Variant.PeftConfig(Options);
        config["peft_type"] = Variant.Info.PeftTypeOnDisk;
        return new PeftAdapter(config, Weights.Where(w => w.Exported).ToDictionary(w => w.Key, w => w.Weight.Value, StringComparer.Ordinal));
    }

    /// <summary>Takes over the tensors of an adapter folder.</summary>
    /// <exception cref="PeftException">One is missing or of another shape.</exception>
    public virtual void ReadPeft(PeftTensors tensors)
    {
        foreach (var (key, weight) in Weights.Where(w => w.Exported).Select(w => (w.Key, w.Weight))) weight.Value.copy_(tensors.Take(key, weight.Shape));
        HasStarted = true;
    }

    /// <summary>Takes over the tensors of a checkpoint of the same run.</summary>
    /// <exception cref="PeftException">One is missing or of another shape.</exception>
    public virtual void ReadCheckpoint(PeftTensors tensors)
    {
        foreach (var (key, weight) in Weights.Select(w => (w.Key, w.Weight))) weight.Value.copy_(tensors.Take(key, weight.Shape));
        HasStarted = true;
    }

    /// <summary>Folds the adapter into the base weights.</summary>
    public virtual void Merge()
    {
        foreach (var layer in Layers) layer.Merge();
    }

    /// <summary>Takes the adapter off: the base model is what it was.</summary>
    /// <exception cref="NotSupportedException">Weights of the model itself were trained beside it; what they were is not kept.</exception>
    public virtual void Detach()
    {
        if (BaseWeights.Count > 0) throw new NotSupportedException("Weights of the model itself were trained beside the adapter; load the model again.");
        foreach (var layer in Layers) layer.Detach();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var layer in Layers) layer.Dispose();
        Release();
        GC.SuppressFinalize(this);
    }

    /// <summary>Sets starting values; called once, inside a dispose scope.</summary>
    protected virtual void SetStartingValues(StartingData data)
    {
    }

    /// <summary>Disposes of what no layer owns.</summary>
    protected virtual void Release()
    {
    }

    /// <summary>Says that starting values are there.</summary>
    protected void MarkStarted() => HasStarted = true;

    /// <summary>Key of a layer's weight in PEFT's files.</summary>
    protected static string KeyOf(AdapterLayer layer, Weight weight) => $"{Root}{layer.Site.Path}.{weight.Name}";
}

/// <summary>A tensor of an adapter.</summary>
/// <param name="Key">Its key in PEFT's files.</param>
/// <param name="Weight">The tensor.</param>
/// <param name="Trained">True if the optimiser trains it.</param>
/// <param name="Exported">True if an adapter folder holds it; false for what checkpoints alone need.</param>
public sealed record AdapterWeight(string Key, Weight Weight, bool Trained, bool Exported = true);
