using static TorchSharp.torch;

namespace LoraArena.Learning.Training;

/// <summary>What moves the parameters. Its state goes into checkpoints by name.</summary>
public abstract class Optimizer : IDisposable
{
    /// <summary>Steps done.</summary>
    public long Steps { get; protected set; }

    /// <summary>Moves the parameters by one step.</summary>
    /// <param name="learningRate">The learning rate of this step.</param>
    public abstract void Step(double learningRate);

    /// <summary>Views of its state by name, for a checkpoint to write from and to read into.</summary>
    public abstract Dictionary<string, Tensor> State();

    /// <summary>Forgets everything: the next step is a first one.</summary>
    public abstract void Reset();

    /// <summary>Takes a state back from a checkpoint.</summary>
    /// <param name="read">Gives a tensor of the checkpoint by its name.</param>
    /// <param name="steps">Steps done up to it.</param>
    public virtual void Restore(Func<string, Tensor> read, long steps)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        foreach (var (name, view) in State()) view.copy_(read(name));
        Steps = steps;
    }

    /// <inheritdoc/>
    public abstract void Dispose();
}

/// <summary>How a part of the parameters is moved.</summary>
/// <param name="LearningRateFactor">The learning rate times this.</param>
/// <param name="Decays">False for no weight decay.</param>
public readonly record struct OptimizerGroup(double LearningRateFactor, bool Decays)
{
    /// <summary>True if AdamW leaves it alone because a variant's own rule moves it.</summary>
    public bool HasOwnRule { get; init; }

    /// <summary>As the run's options say.</summary>
    public static OptimizerGroup Plain { get; } = new(1, Decays: true);
}
