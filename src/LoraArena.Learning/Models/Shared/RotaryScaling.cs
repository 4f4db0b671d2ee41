using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models.Shared;

/// <summary>
/// How fast each pair of a head's elements turns with the position, as Transformers' <c>rope_type</c> names it. The arithmetic is in fp32 in
/// Transformers' order: at a position of many thousands the last bit of a frequency can be seen.
/// </summary>
/// <param name="HeadSize">K, even.</param>
/// <param name="Theta">Base of the frequencies.</param>
public abstract record RotaryScaling(int HeadSize, double Theta)
{
    /// <summary>What cosines and sines are multiplied by.</summary>
    public virtual double AttentionFactor => 1;

    /// <summary>Reads <c>rope_parameters</c> (Transformers 5), or <c>rope_scaling</c> and <c>rope_theta</c> (Transformers 4).</summary>
    /// <exception cref="ModelException">A field makes no sense, or asks for something that is not built.</exception>
    internal static RotaryScaling Read(ConfigReader config, int headSize, int maxPositions)
    {
        var rope = config.Inner("rope_scaling") ?? config.Inner("rope_parameters");
        var theta = rope?.Has("rope_theta") == true ? rope.Number("rope_theta", 1, 1e12) : config.Number("rope_theta", 1, 1e12, 10_000);
        if (rope is null) return new PlainRotary(headSize, theta);
        if (rope.Inner("full_attention") is not null || rope.Inner("sliding_attention") is not null)
        {
            throw config.Error("its rotary positions differ between kinds of layers, which is not supported");
        }

        var share = rope.Has("partial_rotary_factor") ? rope.Number("partial_rotary_factor", 0, 1) : config.Number("partial_rotary_factor", 0, 1, 1);
        if (share != 1) throw config.Error(FormattableString.Invariant($"'partial_rotary_factor' is {share}; only heads that are rotated whole are supported"));
        var original = config.Size("original_max_position_embeddings", 100_000_000, rope.Size("original_max_position_embeddings", 100_000_000, maxPositions));
        var type = rope.Text("rope_type") ?? rope.Text("type") ?? "default";
        return type switch
        {
            "default" => new PlainRotary(headSize, theta),
            "linear" => new LinearRotary(headSize, theta, Factor()),
            "dynamic" => new DynamicRotary(headSize, theta, Factor(), maxPositions),
            "llama3" => Llama3Rotary.Read(rope, headSize, theta, Factor(), original),
            "yarn" => YarnRotary.Read(rope, headSize, theta, rope.Number("factor", 1, 1e6, Math.Max(1, (double)maxPositions / original)), original),
            _ => throw config.Error($"'rope_type' is '{type}'; supported are default, linear, dynamic, llama3 and yarn"),
        };

        double Factor() => rope.Number("factor", 1, 1e6);
    }

    /// <summary>Radians a position for each pair, fp32 [K/2].</summary>
    /// <param name="tokens">Length of the batch: only the dynamic kind looks at it.</param>
    /// <param name="device">Where they go.</param>
    internal abstract Tensor Frequencies(long tokens, Device device);

    /// <summary>θ^(2i/K) for each pair, fp32 [K/2].</summary>
    private protected Tensor Wavelengths(double theta, Device device)
    {
        using var scope = NewDisposeScope();
        var exponents = arange(0, HeadSize, 2, dtype: ScalarType.Float32, device: device).div_(HeadSize);
        return full_like(exponents, theta).pow(exponents).MoveToOuterDisposeScope();
    }
}

/// <summary>θ^(−2i/K).</summary>
internal sealed record PlainRotary(int HeadSize, double Theta) : RotaryScaling(HeadSize, Theta)
{
    internal override Tensor Frequencies(long tokens, Device device) => Wavelengths(Theta, device).reciprocal_();
}

/// <summary>All positions divided by a factor (Chen et al. 2023, arXiv:2306.15595).</summary>
internal sealed record LinearRotary(int HeadSize, double Theta, double Factor) : RotaryScaling(HeadSize, Theta)
{
    internal override Tensor Frequencies(long tokens, Device device) => Wavelengths(Theta, device).reciprocal_().div_(Factor);
}

/// <summary>A base that grows with texts longer than those of the training ("NTK-aware"), as Transformers' <c>dynamic</c>.</summary>
internal sealed record DynamicRotary(int HeadSize, double Theta, double Factor, int MaxPositions) : RotaryScaling(HeadSize, Theta)
{
    internal override Tensor Frequencies(long tokens, Device device)
    {
        var growth = (Factor * Math.Max(tokens, MaxPositions) / MaxPositions) - (Factor - 1);
        var theta = HeadSize == 2 || growth == 1 ? Theta : Theta * Math.Pow(growth, HeadSize / (HeadSize - 2.0));
        return Wavelengths(theta, device).reciprocal_();
    }
}

/// <summary>Llama 3.1's: long waves are divided by a factor, short ones left, those between interpolated.</summary>
internal sealed record Llama3Rotary(
    int HeadSize, double Theta, double Factor, double LowFactor, double HighFactor, int OriginalPositions) : RotaryScaling(HeadSize, Theta)
{
    /// <summary>Reads what is its own.</summary>
    public static Llama3Rotary Read(ConfigReader rope, int headSize, double theta, double factor, int original)
    {
        var (low, high) = (rope.Number("low_freq_factor", 1e-6, 1e6), rope.Number("high_freq_factor", 1e-6, 1e6));
        if (high <= low) throw rope.Error(FormattableString.Invariant($"'high_freq_factor' is {high}, not more than 'low_freq_factor' {low}"));
        return new Llama3Rotary(headSize, theta, factor, low, high, original);
    }

    internal override Tensor Frequencies(long tokens, Device device)
    {
        using var scope = NewDisposeScope();
        var frequencies = Wavelengths(Theta, device).reciprocal_();
        var lengths = frequencies.reciprocal().mul_(2 * Math.PI);
        var slow = lengths.gt(OriginalPositions / LowFactor);
        var fast = lengths.lt(OriginalPositions / HighFactor);
        var weight = lengths.reciprocal().mul_(OriginalPositions).sub_(LowFactor).div_(HighFactor - LowFactor);
        var between = ((1 - weight) * frequencies / Factor) + (weight * frequencies);
        return where(slow, frequencies / Factor, where(fast, frequencies, between)).MoveToOuterDisposeScope();
    }
}

/// <summary>YaRN (Peng et al. 2023, arXiv:2309.00071): slow pairs are interpolated, fast ones left, with a ramp between, and scores are sharpened.</summary>
internal sealed record YarnRotary(int HeadSize, double Theta, double Factor, double Low, double High, double Sharpening) : RotaryScaling(HeadSize, Theta)
{
    /// <inheritdoc/>
    public override double AttentionFactor => Sharpening;

    /// <summary>Reads what is its own.</summary>
    public static YarnRotary Read(ConfigReader rope, int headSize, double theta, double factor, int original)
    {
        var low = Place(rope.Number("beta_fast", 0, 1e6, 0) is > 0 and var fast ? fast : 32);
        var high = Place(rope.Number("beta_slow", 0, 1e6, 0) is > 0 and var slow ? slow : 1);
        if (rope.Flag("truncate", true)) (low, high) = (Math.Floor(low), Math.Ceiling(high));
        var (scale, allScale) = (rope.Number("mscale", 0, 1e6, 0), rope.Number("mscale_all_dim", 0, 1e6, 0));
        var sharpening = scale > 0 && allScale > 0 ? Magnitude(scale) / Magnitude(allScale) : Magnitude(1);
        return new YarnRotary(headSize, theta, factor, Math.Max(low, 0), Math.Min(high, headSize - 1), rope.Number("attention_factor", 0, 1e6, sharpening));

        // The pair that turns so often over the original length.
        double Place(double turns) => headSize * Math.Log(original / (turns * 2 * Math.PI)) / (2 * Math.Log(theta));

        double Magnitude(double multiplier) => factor <= 1 ? 1 : (0.1 * multiplier * Math.Log(factor)) + 1;
    }

    internal override Tensor Frequencies(long tokens, Device device)
    {
        using var scope = NewDisposeScope();
        var lengths = Wavelengths(Theta, device);
        var high = Low == High ? High + 0.001 : High;
        var ramp = arange(HeadSize / 2, dtype: ScalarType.Float32, device: device).sub_(Low).div_(high - Low).clamp_(0, 1);
        var kept = 1 - ramp;
        return (((lengths * Factor).reciprocal() * (1 - kept)) + (lengths.reciprocal() * kept)).MoveToOuterDisposeScope();
    }
}
