using LoraArena.Core.Runs;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Training;

/// <summary>How many padded tokens go through a model at once where nobody says so.</summary>
public static class MicroBatchSize
{
    /// <summary>On a CPU as many as its caches serve; more only takes memory. A GPU needs more to be busy.</summary>
    private const int OnCpu = 2048;

    private const int OnGpu = 8192;

    /// <summary>What the options say, else what suits the device.</summary>
    public static int Of(TrainingOptions options, Device device) => options.MaxTokensPerMicroBatch ?? (device.type == DeviceType.CUDA ? OnGpu : OnCpu);
}
