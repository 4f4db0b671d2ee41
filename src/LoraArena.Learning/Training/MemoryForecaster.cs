using LoraArena.Core.Runs;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Training;

/// <summary>
/// Works out what a training will need before anything is loaded: shapes are enough. It knows LoRA and those that compute like it; what the others
/// keep differs from method to method.
/// </summary>
public static class MemoryForecaster
{
    // Value, gradient and two averages of a trainable parameter, in fp32.
    private const int BytesOfTrained = 16;

    // Fitted to what the benchmark 'memory' measured of seventeen random decoders on Linux, with and without recomputation; how far it is off elsewhere
    // stands in docs/benchmarks.md. tcmalloc takes little more than tensors use, the C library's heap far more: most of all for what comes and goes
    // between tensors that stay.
    private static readonly Heap OfTcmalloc = new(Kept: 1.02, Passing: 0.3, PassingAgain: 0.9, Overhead: 55L << 20);
    private static readonly Heap OfSystem = new(Kept: 1.7, Passing: 4.0, PassingAgain: 5.5, Overhead: 65L << 20);

    // Assumed, not measured.
    private static readonly Heap OfGpu = new(Kept: 1.1, Passing: 1.1, PassingAgain: 1.1, Overhead: 24L << 20);

    /// <summary>The forecast; null for a method or a model that it does not know.</summary>
    /// <param name="model">The model; its shapes are enough.</param>
    /// <param name="variant">The method.</param>
    /// <param name="options">Its options.</param>
    /// <param name="sites">The layers that they choose.</param>
    /// <param name="trained">Trainable parameters, the head's among them.</param>
    /// <param name="training">How it is trained.</param>
    /// <param name="device">The device it trains on.</param>
    public static MemoryForecast? Of(
        PreferenceModel model, LoraVariant variant, VariantOptions options, IReadOnlyList<Projection> sites, long trained,
        TrainingOptions training, ComputeDevice device)
    {
        var longest = Math.Min(training.MaxLength, model.Config.MaxPositions);
        var tokens = Math.Max(longest, (int)Math.Min(MicroBatchSize.Of(training, device.Torch), (long)training.BatchSize * longest));
        return Of(model, variant, options, sites, trained, BasePrecision.Of(training.BasePrecision, device.BestType), tokens, device.Id);
    }

    /// <summary>The same for padded tokens that go through the model at once.</summary>
    public static MemoryForecast? Of(
        PreferenceModel model, LoraVariant variant, VariantOptions options, IReadOnlyList<Projection> sites, long trained,
        BasePrecision precision, int tokens, string device = "cpu")
    {
        var blocks = model.Backbone.Blocks;
        if (blocks.Count == 0 || !variant.Info.QuantizedBase || options is not LoraOptions { UseDora: false, Bias: "none" } lora) return null;
        var heap = device != "cpu" ? OfGpu : HostMemory.Allocator == HostMemory.Tcmalloc ? OfTcmalloc : OfSystem;
        var bytes = (double)precision.ComputeType.ElementSize();
        var kept = KeptByBlocks(model, sites, lora, precision, tokens, composedNorms: device == "cpu");
        var passing = bytes * tokens * blocks.Max(block => block.Passing);
        var fixedPart = (BytesOfTrained * trained) + Expanded(sites, lora, precision, tokens) + Dropping(sites, lora, bytes * tokens)
            + NeverFreed(blocks, sites, lora, bytes * tokens);

        // The first blocks are computed again, and keep their input alone: see BackwardPass.
        var again = BackwardPass.Recomputed(model.Backbone, blocks.Count);
        var inputs = bytes * tokens * model.Config.HiddenSize * again;
        var recomputing = inputs + Math.Max(kept.Skip(again).Sum(), kept.Take(again).DefaultIfEmpty().Max());
        return new MemoryForecast(
            Weights(model, precision), Training(kept.Sum(), heap.Passing), Training(recomputing, heap.PassingAgain), tokens, precision.Name,
            device);

        long Training(double keptBytes, double share) => (long)(heap.Overhead + fixedPart + (heap.Kept * keptBytes) + (share * passing));
    }

    /// <summary>Bytes that each block's forward pass keeps for its backward pass.</summary>
    public static IReadOnlyList<double> KeptByBlocks(
        PreferenceModel model, IReadOnlyList<Projection> sites, LoraOptions lora, BasePrecision precision, int tokens, bool composedNorms = true)
    {
        var adapted = sites.ToHashSet();
        var bytes = (double)precision.ComputeType.ElementSize();
        var ofNorms = composedNorms && bytes < sizeof(float) ? sizeof(float) : 0;
        return [.. model.Backbone.Blocks.Select(block => tokens * ((bytes * Kept(block, adapted, lora, precision, tokens)) + (ofNorms * block.KeptInFp32)))];
    }

    private static double Kept(BlockMemory block, HashSet<Projection> adapted, LoraOptions lora, BasePrecision precision, int tokens)
    {
        var numbers = block.Kept;
        foreach (var (readers, width) in block.Inputs)
        {
            var own = readers.Where(adapted.Contains).ToList();
            if (own.Count == 0) continue;
            if (lora.TrainsA) numbers += width;
            if (!own.All(site => Merges(site, lora, precision, tokens))) numbers += own.Sum(site => lora.RankOf(site.Path));
        }

        return numbers;
    }

    // W + s B A in one matrix, or a quantised matrix expanded: one at a time.
    private static double Expanded(IReadOnlyList<Projection> adapted, LoraOptions lora, BasePrecision precision, int tokens)
        => adapted.Where(site => precision.IsQuantized || Merges(site, lora, precision, tokens))
            .Select(site => (double)site.InFeatures * site.OutFeatures * precision.ComputeType.ElementSize()).DefaultIfEmpty().Max();

    // The mask of one input, and beside it the input without what is dropped, or the gradient that comes back through it.
    private static double Dropping(IReadOnlyList<Projection> adapted, LoraOptions lora, double bytesOfColumn)
        => lora.LoraDropout == 0 ? 0 : 2 * bytesOfColumn * adapted.Select(site => site.InFeatures).DefaultIfEmpty().Max();

    // The backward pass of a block begins with the layer whose input is the widest, and frees that before it holds most: what was not kept frees nothing.
    private static double NeverFreed(IReadOnlyList<BlockMemory> blocks, IReadOnlyList<Projection> adapted, LoraOptions lora, double bytesOfColumn)
    {
        var (readers, width) = blocks.MaxBy(block => block.Passing)!.Inputs.MaxBy(input => input.Width);
        return lora.TrainsA && readers.Any(adapted.Contains) ? 0 : bytesOfColumn * width;
    }

    private static bool Merges(Projection site, LoraOptions lora, BasePrecision precision, int tokens)
        => lora.LoraDropout == 0
            && lora.TrainsA
            && !precision.IsQuantized
            && LowRankProduct.Merges(tokens, site.InFeatures, site.OutFeatures, precision.ComputeType);

    private static long Weights(PreferenceModel model, BasePrecision precision)
    {
        var bytes = precision.ComputeType.ElementSize();
        var matrices = model.Sites.Where(site =>
            site.InFeatures * site.OutFeatures >= BasePrecision.SmallestQuantized).Sum(site => site.InFeatures * site.OutFeatures);
        return precision.IsQuantized
            ? (long)(matrices * (precision.Name == Precisions.Nf4 ? 4.13 : 8.03) / 8) + ((model.BaseParameters - matrices) * bytes)
            : model.BaseParameters * bytes;
    }

    /// <param name="Kept">Bytes taken for each byte that the forward pass keeps.</param>
    /// <param name="Passing">The same for what the backward pass holds for a moment.</param>
    /// <param name="PassingAgain">The same where it computes blocks again meanwhile.</param>
    /// <param name="Overhead">What runtime and libraries take during the first steps, whatever the model.</param>
    private sealed record Heap(double Kept, double Passing, double PassingAgain, long Overhead);
}
