using LoraArena.Learning.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

/// <summary>Training data for starting values that depend on it. Everything is without dropout.</summary>
/// <param name="Model">The model, with its adapter attached.</param>
/// <param name="Batches">Batches that there are: those of the first epoch.</param>
/// <param name="Seed">The run's seed.</param>
/// <param name="Backward">Adds the gradient of a batch's mean loss, by its number from 0, to whatever requires one.</param>
/// <param name="Forward">Runs a batch, by its number from 0, in parts; each part is announced before it runs.</param>
public sealed record StartingData(PreferenceModel Model, int Batches, long Seed, Action<int> Backward, Action<int, Action<TokenBatch>> Forward)
{
    /// <summary>Peak learning rate of the training, for a start that trains a little itself.</summary>
    public double LearningRate { get; init; }

    /// <summary>Share of a budget of seconds that is spent already, from 0 to 1; 1 without such a budget. For a start that trains a little itself.</summary>
    public Func<double> ShareSpent { get; init; } = () => 1;

    // Numbers that the device may hold at once for what is gathered: a GiB in fp32.
    private const long Budget = 1L << 28;

    /// <summary>Shows every input that layers get in a batch, padding left out, as [N, I].</summary>
    public void Inputs(int batch, IEnumerable<Projection> sites, Action<Projection, Tensor> see)
    {
        TokenBatch? part = null;
        var probed = sites.ToList();
        foreach (var site in probed)
        {
            site.Probe = x =>
            {
                using var scope = NewDisposeScope();
                see(site, part!.RealRows(x.detach()));
            };
        }

        try
        {
            Forward(batch, next => part = next);
        }
        finally
        {
            foreach (var site in probed) site.Probe = null;
        }
    }

    /// <summary>Layers in groups that keep what is gathered within the device's memory.</summary>
    /// <param name="layers">The layers.</param>
    /// <param name="numbers">Numbers that are gathered for one.</param>
    public static IEnumerable<IReadOnlyList<T>> Groups<T>(IReadOnlyList<T> layers, Func<T, long> numbers)
    {
        var (group, used) = (new List<T>(), 0L);
        foreach (var layer in layers)
        {
            if (group.Count > 0 && used + numbers(layer) > Budget)
            {
                yield return group;
                (group, used) = ([], 0);
            }

            group.Add(layer);
            used += numbers(layer);
        }

        if (group.Count > 0) yield return group;
    }
}
