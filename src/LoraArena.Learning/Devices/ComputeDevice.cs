using System.Globalization;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Devices;

/// <summary>Where tensors live: the one place that knows which devices there are and what they can tell about themselves.</summary>
public sealed class ComputeDevice
{
    private readonly Nvml? _nvml;
    private long _peakBytes;
    private long _peakSinceBase;
    private long _baseBytes;

    private ComputeDevice(string id, string name, Device torchDevice, Nvml? nvml)
    {
        (Id, Name, Torch, _nvml) = (id, name, torchDevice, nvml);
    }

    /// <summary>Such as <c>cpu</c> or <c>cuda:0</c>.</summary>
    public string Id { get; }

    /// <summary>In words.</summary>
    public string Name { get; }

    /// <summary>The device as TorchSharp names it.</summary>
    public Device Torch { get; }

    /// <summary>True for a GPU.</summary>
    public bool IsCuda => Torch.type == DeviceType.CUDA;

    /// <summary>Its memory in bytes; null where that is unknown.</summary>
    public long? MemoryBytes => IsCuda ? _nvml?.Memory()?.Total : GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <summary>The type of base weights that it computes well: bf16 on a GPU that has it (compute capability 8 on), else fp32.</summary>
    public ScalarType BestType => IsCuda && _nvml?.ComputeCapability() is { } capability && capability >= 8 ? ScalarType.BFloat16 : ScalarType.Float32;

    /// <summary>How products of fp32 matrices are computed, in words.</summary>
    public string Products => IsCuda ? "TF32" : MatrixProduct.Library == ProductLibrary.Own ? "own kernels" : "MKL";

    /// <summary>Devices that can train, best first.</summary>
    public static IReadOnlyList<ComputeDevice> All()
    {
        TorchRuntime.Load();
        var devices = new List<ComputeDevice>();
        if (cuda.is_available())
        {
            // Products of fp32 matrices with 10 bits of mantissa inside, sums in fp32: what PyTorch users switch on for training.
            backends.cuda.matmul.allow_tf32 = true;
            for (var i = 0; i < cuda.device_count(); i++)
            {
                var nvml = Nvml.TryOpen(i);
                devices.Add(new ComputeDevice(
                    string.Create(CultureInfo.InvariantCulture, $"cuda:{i}"), nvml?.Name() ?? "CUDA device", new Device(DeviceType.CUDA, i),
                    nvml));
            }
        }

        devices.Add(new ComputeDevice("cpu", CpuName(), CPU, null));
        return devices;
    }

    /// <summary>The device of that id; <c>auto</c> is the best there is, <c>cuda</c> the first GPU.</summary>
    /// <exception cref="DeviceException">There is none.</exception>
    public static ComputeDevice Pick(string wanted)
    {
        var all = All();
        return wanted switch
        {
            "auto" => all[0],
            "cuda" => all.FirstOrDefault(d => d.IsCuda),
            _ => all.FirstOrDefault(d => d.Id == wanted),
        } ?? throw new DeviceException($"There is no device '{wanted}' here; there is {string.Join(", ", all.Select(d => d.Id))}.");
    }

    /// <summary>Memory in use now, in bytes: of the device for a GPU, of this process for the CPU.</summary>
    public long UsedBytes()
    {
        var used = IsCuda && _nvml?.Memory() is { } memory ? memory.Used : Environment.WorkingSet;
        _peakBytes = Math.Max(_peakBytes, used);
        _peakSinceBase = Math.Max(_peakSinceBase, used);
        return used;
    }

    /// <summary>Most memory that was in use: as the operating system counts it for the CPU, the largest sample for a GPU.</summary>
    public long PeakBytes()
    {
        UsedBytes();
        if (IsCuda) return _peakBytes;
        return Math.Max(_peakBytes, ProcessPeak.Bytes());
    }

    /// <summary>Takes what is in use now as the base that <see cref="PeakAboveBase"/> counts from: the model is loaded and nothing has been trained.</summary>
    public void MarkBase()
    {
        _peakBytes = PeakBytes();
        if (!IsCuda) ProcessPeak.StartAnew();
        _baseBytes = UsedBytes();
        _peakSinceBase = _baseBytes;
    }

    /// <summary>Most memory in use since <see cref="MarkBase"/> above what was in use then, in bytes.</summary>
    public long PeakAboveBase()
    {
        var peak = IsCuda ? _peakSinceBase : Math.Max(_peakSinceBase, ProcessPeak.Bytes());
        return Math.Max(0, Math.Max(peak, UsedBytes()) - _baseBytes);
    }

    private static string CpuName()
    {
        const string CpuInfo = "/proc/cpuinfo";
        var name = File.Exists(CpuInfo)
            ? File.ReadLines(CpuInfo).FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[^1].Trim()
            : null;
        return string.Create(CultureInfo.InvariantCulture, $"{name ?? "CPU"}, {Environment.ProcessorCount} processors");
    }
}

/// <summary>The device that a run asks for is not there.</summary>
public sealed class DeviceException(string message) : Exception(message);
