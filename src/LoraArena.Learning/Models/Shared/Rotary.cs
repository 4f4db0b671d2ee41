using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models.Shared;

/// <summary>
/// Rotary position embeddings (Su et al. 2021, arXiv:2104.09864) in Hugging Face's layout, where a head's first half is paired with its second.
/// </summary>
internal static class Rotary
{
    /// <summary>Cosines and sines of the positions 0 … T − 1, computed in fp32.</summary>
    public static RotaryAngles Angles(RotaryScaling scaling, long tokens, ScalarType dtype, Device device)
    {
        using var scope = NewDisposeScope();
        var frequencies = scaling.Frequencies(tokens, device);
        var anglesTK = arange(tokens, dtype: ScalarType.Float32, device: device).unsqueeze(1) * cat([frequencies, frequencies]).unsqueeze(0);
        var (cos, sin) = (anglesTK.cos(), anglesTK.sin());
        if (scaling.AttentionFactor != 1) (cos, sin) = (cos * scaling.AttentionFactor, sin * scaling.AttentionFactor);
        return new RotaryAngles(cos.to(dtype).MoveToOuterDisposeScope(), sin.to(dtype).MoveToOuterDisposeScope());
    }
}

/// <summary>Cosines and sines to rotate by: [T, K], or [B, 1, 1, K] for one position a sequence.</summary>
internal sealed record RotaryAngles(Tensor Cos, Tensor Sin)
{
    /// <summary>The angles of one position of each sequence.</summary>
    public RotaryAngles At(Tensor positionsB)
    {
        using var scope = NewDisposeScope();
        var cos = Cos.index_select(0, positionsB).unsqueeze(1).unsqueeze(1);
        var sin = Sin.index_select(0, positionsB).unsqueeze(1).unsqueeze(1);
        return new RotaryAngles(cos.MoveToOuterDisposeScope(), sin.MoveToOuterDisposeScope());
    }

    /// <summary>[B, H, T, K] → [B, H, T, K].</summary>
    public Tensor Rotate(Tensor xBHTK)
    {
        using var scope = NewDisposeScope();
        var half = xBHTK.shape[^1] / 2;
        var turned = cat([xBHTK.narrow(-1, half, half).neg(), xBHTK.narrow(-1, 0, half)], -1);
        return ((xBHTK * Cos) + (turned * Sin)).MoveToOuterDisposeScope();
    }
}
