using LoraArena.Core.Statistics;
using LoraArena.Learning.Devices;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models;

/// <summary>
/// The randomness of one pass as a function of seed, step, micro-batch and block: a block that is computed a second time draws the same numbers.
/// </summary>
/// <param name="device">Where the pass runs.</param>
/// <param name="seed">The run's seed.</param>
/// <param name="step">The step, from 0.</param>
/// <param name="microBatch">The micro-batch, from 0.</param>
public sealed class PassRandom(Device device, long seed, long step, int microBatch)
{
    private const long MaxBlocks = 4096;
    private long _block = -1;
    private long _draws;

    /// <summary>Starts a block: whatever draws from libtorch's generator, and <see cref="NextSeed"/>, give what they gave when it was started before.</summary>
    /// <param name="block">Its number; −1 for what comes before the blocks.</param>
    public void Begin(int block)
    {
        (_block, _draws) = (block, 0);
        RandomStreams.Seed(device, seed, RandomStreams.Purpose.Dropout, step, Place);
    }

    /// <summary>The seed of the block's next mask.</summary>
    public long NextSeed() => (long)(SeededRandom.Hash(seed, (long)RandomStreams.Purpose.DroppedInput, step, (Place * MaxBlocks) + _draws++) >> 1);

    private long Place => (microBatch * MaxBlocks) + _block + 1;
}
