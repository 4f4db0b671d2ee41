using LoraArena.Core.Runs;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Training;

/// <summary>How many padded tokens go through a model at once.</summary>
public static class MicroBatchSize
{
    /// <summary>What the options say, else what suits the device.</summary>
    public static int Of(TrainingOptions options, Device device) => options.MicroBatchTokens(device.type == DeviceType.CUDA);
}
