using LoraArena.Core.Runs;
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
    // Value, gradient and two averages of a trained number, in fp32.
    private const int BytesOfTrained = 16;

    // What the runtime, the allocator and the libraries' scratch take during the first steps, whatever the model.
    private const long Overhead = 24L << 20;

    /// <summary>The forecast; null for a method or a model that it does not know.</summary>
    /// <param name="model">The model; its shapes are enough.</param>
    /// <param name="variant">The method.</param>
    /// <param name="options">Its options.</param>
    /// <param name="sites">The layers that they choose.</param>
    /// <param name="trained">Trainable parameters, the head's among them.</param>
    /// <param name="precision">How the base weights will be kept.</param>
    /// <param name="tokens">Padded tokens that go through the model at once.</param>
    public static MemoryForecast? Of(PreferenceModel model, LoraVariant variant, VariantOptions options, IReadOnlyList<Projection> sites, long trained, BasePrecision precision, int tokens)
    {
        var blocks = model.Backbone.Blocks;
        if (blocks.Count == 0 || !variant.Info.QuantizedBase || options is not LoraOptions { UseDora: false, Bias: "none" } lora) return null;
        var bytes = (double)precision.ComputeType.ElementSize();
        var adapted = sites.ToHashSet();
        var kept = blocks.Select(block => bytes * tokens * Kept(block, adapted, lora, precision, tokens)).ToList();
        var passing = bytes * tokens * blocks.Max(block => block.Passing);
        var fixedPart = Overhead + (BytesOfTrained * trained) + Expanded(adapted, lora, precision, tokens);

        // The first two thirds of the blocks are computed again, and keep their input alone: see BackwardPass.
        var again = BackwardPass.Recomputed(blocks.Count);
        var inputs = bytes * tokens * model.Config.HiddenSize * again;
        return new MemoryForecast(
            Weights(model, precision),
            (long)(fixedPart + passing + kept.Sum()),
            (long)(fixedPart + passing + inputs + Math.Max(kept.Skip(again).Sum(), kept.Take(again).DefaultIfEmpty().Max())),
            tokens,
            precision.Name);
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
    private static double Expanded(HashSet<Projection> adapted, LoraOptions lora, BasePrecision precision, int tokens)
        => adapted.Where(site => precision.IsQuantized || Merges(site, lora, precision, tokens))
            .Select(site => (double)site.InFeatures * site.OutFeatures * precision.ComputeType.ElementSize()).DefaultIfEmpty().Max();

    private static bool Merges(Projection site, LoraOptions lora, BasePrecision precision, int tokens)
        => lora.LoraDropout == 0 && lora.TrainsA && !precision.IsQuantized && LowRankProduct.Merges(tokens, site.InFeatures, site.OutFeatures, precision.ComputeType);

    private static long Weights(PreferenceModel model, BasePrecision precision)
    {
        var bytes = precision.ComputeType.ElementSize();
        var matrices = model.Sites.Where(site => site.InFeatures * site.OutFeatures >= BasePrecision.SmallestQuantized).Sum(site => site.InFeatures * site.OutFeatures);
        return precision.IsQuantized
            ? (long)(matrices * (precision.Name == Precisions.Nf4 ? 4.13 : 8.03) / 8) + ((model.BaseParameters - matrices) * bytes)
            : model.BaseParameters * bytes;
    }
}
