using LoraArena.Learning.Models;
using LoraArena.Learning.Variants;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Variants;

/// <summary>Single adapted layers for the tests of variants.</summary>
internal static class VariantLayers
{
    /// <summary>A mode that trains without any dropout but the variant's own.</summary>
    public static ForwardMode Training { get; } = new(true, 0, 0, 0);

    /// <summary>A site with random weight and bias.</summary>
    public static Projection Site(long inFeatures, long outFeatures, string path = "site")
    {
        manual_seed(8);
        return new Projection(path, new Weight("weight", randn(outFeatures, inFeatures)), new Weight("bias", randn(outFeatures)));
    }

    /// <summary>A variant's layer on a site, with its starting values.</summary>
    public static AdapterLayer Wrap<TOptions>(this LoraVariant<TOptions> variant, Projection site, TOptions options) where TOptions : VariantOptions, new()
        => variant.Wrap(site, options, new VariantContext(Seed: 2, Index: 0));

    /// <summary>Random values for all that a layer trains: the same in every run, whatever other tests have drawn.</summary>
    public static void Randomise(AdapterLayer layer)
    {
        using var generator = new Generator(21, CPU);
        foreach (var weight in layer.Weights) weight.Value.normal_(0, 0.5, generator);
    }

    /// <summary>A layer's trained tensor by its name.</summary>
    public static Tensor Value(this AdapterLayer layer, string name) => layer.Weights.Single(weight => weight.Name == name).Value;
}
