using LoraArena.Core.Statistics;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Devices;

/// <summary>
/// libtorch's random numbers as a function of where the run is. The generators are seeded from (seed, what for, step, …) before each use,
/// so there is no random state to save: resuming and recomputing give the same numbers by construction. Starting values are drawn on the
/// CPU whatever the device, so a run starts from the same weights everywhere; dropout is drawn where the tensors are, and a GPU draws
/// other numbers than a CPU.
/// </summary>
public static class RandomStreams
{
    /// <summary>What a stream is for: streams of different purposes never coincide.</summary>
    public enum Purpose
    {
        /// <summary>Starting values of head and adapter.</summary>
        Initialisation = 1,

        /// <summary>Dropout of one micro-batch.</summary>
        Dropout = 2,

        /// <summary>Order of the rows of an epoch.</summary>
        RowOrder = 3,

        /// <summary>Whether a row's answers change places in an epoch.</summary>
        Swap = 4,

        /// <summary>Tokens that masked-language-model training hides.</summary>
        Masking = 5,

        /// <summary>Dropout of one layer's input, drawn anew in the backward pass.</summary>
        DroppedInput = 6,
    }

    /// <summary>A seed drawn from libtorch's generator of the CPU.</summary>
    public static long Next()
    {
        using var scope = NewDisposeScope();
        return randint(long.MaxValue, [1], ScalarType.Int64, CPU).data<long>()[0];
    }

    /// <summary>Seeds libtorch's generators of the CPU and, where the device is one, of the GPUs.</summary>
    public static void Seed(Device device, long seed, Purpose purpose, long first = 0, long second = 0)
    {
        // Seeds are made non-negative: generators of some devices take no other.
        var mixed = (long)(SeededRandom.Hash(seed, (long)purpose, first, second) >> 1);
        using var generator = manual_seed(mixed);
        if (device.type == DeviceType.CUDA) cuda.manual_seed_all(mixed);
    }
}
