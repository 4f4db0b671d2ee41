using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace LoraArena.Learning.Devices;

/// <summary>
/// Name and memory of an NVIDIA GPU, from the driver's management library (NVML): TorchSharp tells neither.
/// Reference: NVML API, nvmlDeviceGetMemoryInfo, nvmlDeviceGetName.
/// </summary>
internal sealed partial class Nvml
{
    private const string Library = "libnvidia-ml.so.1";
    private const int NameBytes = 96;
    private readonly nint _device;

    static Nvml() => NativeLibrary.SetDllImportResolver(typeof(Nvml).Assembly, (name, assembly, path) =>
        name == Library && OperatingSystem.IsWindows() ? NativeLibrary.Load("nvml.dll", assembly, path) : nint.Zero);

    private Nvml(nint device) => _device = device;

    /// <summary>Opens the GPU that CUDA counts as <paramref name="index"/>, or gives null where the library or the device is not to be had.</summary>
    public static Nvml? TryOpen(int index)
    {
        try
        {
            if (Initialize() != 0) return null;

            // CUDA counts the visible devices, NVML all of them. A device may also be named by its UUID.
            var visible = Environment.GetEnvironmentVariable("CUDA_VISIBLE_DEVICES")?.Split(
                ',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            var name = visible is { Length: > 0 } && index < visible.Length ? visible[index] : index.ToString(CultureInfo.InvariantCulture);
            nint device;
            var error = uint.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                ? HandleByIndex(number, out device)
                : HandleByUuid(name, out device);
            return error == 0 ? new Nvml(device) : null;
        }
        catch (Exception error) when (error is DllNotFoundException or EntryPointNotFoundException)
        {
            return null;
        }
    }

    /// <summary>The GPU's name; null where the driver does not tell it.</summary>
    public string? Name()
    {
        var bytes = new byte[NameBytes];
        return NameOf(_device, bytes, NameBytes) == 0 ? Encoding.UTF8.GetString(bytes).TrimEnd('\0') : null;
    }

    /// <summary>Memory of the whole GPU in bytes; null where the driver does not tell it.</summary>
    public (long Total, long Used)? Memory() => MemoryOf(_device, out var memory) == 0 ? ((long)memory.Total, (long)memory.Used) : null;

    /// <summary>Major number of the GPU's compute capability; null where the driver does not tell it.</summary>
    public int? ComputeCapability() => CapabilityOf(_device, out var major, out _) == 0 ? major : null;

    [LibraryImport(Library, EntryPoint = "nvmlDeviceGetCudaComputeCapability")]
    private static partial int CapabilityOf(nint device, out int major, out int minor);

    [LibraryImport(Library, EntryPoint = "nvmlInit_v2")]
    private static partial int Initialize();

    [LibraryImport(Library, EntryPoint = "nvmlDeviceGetHandleByIndex_v2")]
    private static partial int HandleByIndex(uint index, out nint device);

    [LibraryImport(Library, EntryPoint = "nvmlDeviceGetHandleByUUID", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int HandleByUuid(string uuid, out nint device);

    [LibraryImport(Library, EntryPoint = "nvmlDeviceGetName")]
    private static partial int NameOf(nint device, [Out] byte[] name, uint length);

    [LibraryImport(Library, EntryPoint = "nvmlDeviceGetMemoryInfo")]
    private static partial int MemoryOf(nint device, out MemoryInfo memory);

    [StructLayout(LayoutKind.Sequential)]
    private struct MemoryInfo
    {
        public ulong Total;
        public ulong Free;
        public ulong Used;
    }
}
