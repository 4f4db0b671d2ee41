using LoraArena.Learning.Devices;
using LoraArena.Learning.Training;
using TorchSharp;

namespace LoraArena.Learning.Variants;

/// <summary>What a variant may use while it puts its layers in place.</summary>
/// <param name="Seed">The run's seed.</param>
/// <param name="Index">Number of the site in the model, from 0: with the seed it names the site's random stream.</param>
public sealed record VariantContext(long Seed, int Index)
{
    /// <summary>
    /// Seeds libtorch's generator on the CPU for this site's starting values: they are drawn there, so that they are the same on every
    /// device.
    /// </summary>
    public void SeedStart() => RandomStreams.Seed(torch.CPU, Seed, RandomStreams.Purpose.Initialisation, Index);
}
