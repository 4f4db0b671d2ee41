using static TorchSharp.torch;

namespace LoraArena.Learning.Devices.Host;

/// <summary>Where the numbers of a tensor on the CPU lie.</summary>
internal static unsafe class TensorPointer
{
    /// <summary>Its first number; whoever reads on keeps the tensor.</summary>
    public static float* Of(Tensor x)
    {
        using var first = x.as_strided([1], [1], x.storage_offset());
        fixed (byte* bytes = first.bytes) return (float*)bytes;
    }
}
