using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using TorchSharp;

namespace LoraArena.Learning.Devices;

/// <summary>
/// Loads libtorch before TorchSharp asks for it: from the folder that <c>LORAARENA_LIBTORCH</c> names (the libtorch of an installed
/// PyTorch, say), else from <c>libtorch/</c> beside the program, else from the folder of the CUDA packages.
/// An error of libtorch can end the process, so only the worker and tests call this.
/// </summary>
public static partial class TorchRuntime
{
    /// <summary>The libtorch that TorchSharp 0.107 is made for; another minor version has another binary interface.</summary>
    public const string LibTorchVersion = "2.10";

    /// <summary>Names a folder with another libtorch.</summary>
    public const string FolderVariable = "LORAARENA_LIBTORCH";

    private const string NewestCxx = "GLIBCXX_3.4.32";
    private const string UnusedCxxSymbol = "_ZSt21ios_base_library_initv";

    private static readonly Lock Gate = new();
    private static string? _loadedFrom;

    // In the order of their dependencies. The CUDA libraries are there only in a libtorch that has CUDA.
    private static readonly string[] Libraries = ["gomp", "iomp5md", "uv", "c10", "torch_cpu", "c10_cuda", "torch_cuda", "torch"];

    private static string NativeFolder => Path.Join(AppContext.BaseDirectory, "runtimes", RuntimeInformation.RuntimeIdentifier, "native");

    /// <summary>Version of TorchSharp.</summary>
    public static string TorchSharpVersion { get; } = typeof(torch).Assembly.GetName().Version?.ToString(3) ?? "unknown";

    /// <summary>Loads libtorch once; later calls only say where it came from.</summary>
    /// <param name="threads">Threads that an operation on the CPU may use; null leaves libtorch's choice.</param>
    /// <returns>Where libtorch was loaded from.</returns>
    /// <exception cref="TorchRuntimeException">It is missing, damaged, or of another version.</exception>
    public static string Load(int? threads = null)
    {
        lock (Gate)
        {
            if (_loadedFrom is null)
            {
                HostMemory.KeepFreedMemory();
                _loadedFrom = LoadLibraries();
                Start(_loadedFrom);
            }

            if (threads is { } count) torch.set_num_threads(count);
            return _loadedFrom;
        }
    }

    private static string LoadLibraries()
    {
        var folder = Folder();
        LoadFrom(folder);
        LoadShim();
        return folder;
    }

    private static string Folder()
    {
        var chosen = Environment.GetEnvironmentVariable(FolderVariable);
        if (!string.IsNullOrEmpty(chosen))
        {
            var folder = Resolve(chosen);
            CheckVersion(folder);
            return folder;
        }

        // Where the build puts it; where the CUDA packages are; where a publish for one platform flattens everything.
        string[] places = [Path.Join(AppContext.BaseDirectory, "libtorch"), NativeFolder, AppContext.BaseDirectory];
        return places.FirstOrDefault(HasTorch)
            ?? throw new TorchRuntimeException($"There is no libtorch in this build. Build with -p:Torch=cpu or -p:Torch=cuda, or let {FolderVariable} name the lib folder of an installed PyTorch {LibTorchVersion}.");
    }

    private static void LoadFrom(string folder)
    {
        foreach (var library in Libraries)
        {
            // The file may carry a suffix: libgomp-98b21ff3.so.1.
            var file = Directory.EnumerateFiles(folder).FirstOrDefault(f => LibraryName().Match(Path.GetFileName(f)) is { Success: true } match
                && match.Groups[1].Value == library);
            if (file is null) continue;
            try
            {
                NativeLibrary.Load(file);
            }
            catch (Exception error) when (error is DllNotFoundException or BadImageFormatException)
            {
                throw new TorchRuntimeException($"{file} cannot be loaded: {error.Message}");
            }
        }
    }

    // TorchSharp's own native half. Where the system's C++ library is older than the one it was compiled against, a copy in memory that
    // does not insist on the newer version is loaded instead; TorchSharp then finds it by name among the libraries that are loaded already.
    private static void LoadShim()
    {
        var file = new[] { NativeFolder, AppContext.BaseDirectory }.Select(folder => Path.Join(folder, "libLibTorchSharp.so")).FirstOrDefault(File.Exists);
        if (file is null || !OperatingSystem.IsLinux()) return;
        try
        {
            NativeLibrary.Load(file);
        }
        catch (DllNotFoundException error) when (error.Message.Contains(NewestCxx, StringComparison.Ordinal))
        {
            var library = File.ReadAllBytes(file);
            if (!ElfVersionNeeds.MakeOptional(library, NewestCxx, UnusedCxxSymbol))
            {
                throw new TorchRuntimeException($"{file} needs a newer libstdc++ than this system has ({NewestCxx}): {error.Message}");
            }

            LoadFromMemory(library);
        }
        catch (DllNotFoundException error)
        {
            throw new TorchRuntimeException($"{file} cannot be loaded: {error.Message}");
        }
    }

    private static void LoadFromMemory(byte[] library)
    {
        var descriptor = MemoryFile("libLibTorchSharp.so", 0);
        if (descriptor < 0) throw new TorchRuntimeException("A file in memory cannot be made (memfd_create); install a libstdc++ that has " + NewestCxx + ".");
        var path = string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{descriptor}");
        using (var file = new FileStream(path, FileMode.Open, FileAccess.Write)) file.Write(library);
        NativeLibrary.Load(path);
    }

    private static bool HasTorch(string folder) => Directory.Exists(folder) && Directory.EnumerateFiles(folder, "*torch_cpu.*").Any();

    private static string Resolve(string folder)
    {
        string[] places = [folder, Path.Join(folder, "lib")];
        return places.FirstOrDefault(HasTorch) is { } found
            ? Path.GetFullPath(found)
            : throw new TorchRuntimeException($"{FolderVariable} names {folder}, but no torch_cpu library is in it or in its lib folder.");
    }

    // An installed PyTorch says its version in version.py, a plain libtorch in build-version, both one folder above lib.
    private static void CheckVersion(string folder)
    {
        foreach (var file in new[] { "version.py", "build-version" }.Select(name => Path.Join(folder, "..", name)).Where(File.Exists))
        {
            var version = VersionNumber().Match(File.ReadAllText(file)).Value;
            if (version.Length > 0 && !version.StartsWith(LibTorchVersion + ".", StringComparison.Ordinal))
            {
                throw new TorchRuntimeException($"{folder} holds PyTorch {version}, but TorchSharp {TorchSharpVersion} needs {LibTorchVersion}.x: install that version, or unset {FolderVariable}.");
            }
        }
    }

    private static void Start(string from)
    {
        try
        {
            torch.InitializeDeviceType(DeviceType.CPU);
            using var probe = torch.ones(1);
        }
        catch (Exception error) when (error is NotSupportedException or DllNotFoundException or TypeInitializationException or TargetInvocationException or ArgumentNullException)
        {
            throw new TorchRuntimeException(string.Create(
                CultureInfo.InvariantCulture, $"TorchSharp does not start with libtorch from {from}: {error.Message.Trim()}"));
        }
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MemoryFile(string name, uint flags);

    [GeneratedRegex(@"^(?:lib)?([a-z0-9_]+?)(?:-[0-9a-f]{8})?\.(?:so|dll|dylib)(?:\.\d+)*$")]
    private static partial Regex LibraryName();

    [GeneratedRegex(@"\d+\.\d+\.\d+")]
    private static partial Regex VersionNumber();
}

/// <summary>libtorch cannot be used.</summary>
public sealed class TorchRuntimeException(string message) : Exception(message);
