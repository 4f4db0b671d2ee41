using System.Buffers.Binary;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Files;

/// <summary>
/// A safetensors file opened for reading. Tensors are read one by one, by position, straight into the memory where they are wanted.
/// Positioned reads are used instead of a memory map because a mapped file that somebody cuts short ends the process.
/// </summary>
public sealed class SafetensorsFile : IDisposable
{
    private const int BlockBytes = 64 << 20;
    private const int ConvertedBlockBytes = 4 << 20;

    private readonly Microsoft.Win32.SafeHandles.SafeFileHandle _handle;
    private readonly Dictionary<string, SafetensorsEntry> _entries;

    private SafetensorsFile(string path, Microsoft.Win32.SafeHandles.SafeFileHandle handle, List<SafetensorsEntry> entries, Dictionary<string, string> metadata)
    {
        (Path, _handle, Metadata) = (path, handle, metadata);
        Entries = entries;
        _entries = entries.ToDictionary(e => e.Name, StringComparer.Ordinal);
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Its tensors, in the order of the header.</summary>
    public IReadOnlyList<SafetensorsEntry> Entries { get; }

    /// <summary>The header's free text.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file and checks its header.</summary>
    /// <exception cref="SafetensorsException">The file is missing, is something else, or its header does not hold.</exception>
    public static SafetensorsFile Open(string path)
    {
        Microsoft.Win32.SafeHandles.SafeFileHandle handle;
        try
        {
            handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read, FileOptions.RandomAccess);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SafetensorsException(path, $"the file cannot be opened ({error.Message})");
        }

        try
        {
            var bytes = RandomAccess.GetLength(handle);
            Span<byte> length = stackalloc byte[8];
            if (bytes < 8) throw new SafetensorsException(path, $"the file has {bytes} bytes, too few for a header");
            ReadExactly(path, handle, length, 0);
            var headerBytes = BinaryPrimitives.ReadUInt64LittleEndian(length);
            if (headerBytes > SafetensorsHeader.MaxBytes)
            {
                RefuseOtherFormats(path, length);
                throw new SafetensorsException(path, $"the header says that it has {headerBytes} bytes; at most {SafetensorsHeader.MaxBytes} are read");
            }

            if (8 + (long)headerBytes > bytes)
            {
                throw new SafetensorsException(path, $"the header says that it has {headerBytes} bytes, but the file ends after {bytes}");
            }

            var header = new byte[headerBytes];
            ReadExactly(path, handle, header, 8);
            var (entries, metadata) = SafetensorsHeader.Parse(path, header, bytes);
            return new SafetensorsFile(path, handle, entries, metadata);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>True if the file has a tensor of that name.</summary>
    public bool Contains(string name) => _entries.ContainsKey(name);

    /// <summary>What the header says of a tensor.</summary>
    /// <exception cref="SafetensorsException">There is none of that name.</exception>
    public SafetensorsEntry Entry(string name)
        => _entries.TryGetValue(name, out var entry) ? entry : throw new SafetensorsException(Path, $"there is no tensor '{name}'");

    /// <summary>Reads a tensor onto the CPU, in the type it is stored in. The caller disposes it.</summary>
    /// <exception cref="SafetensorsException">There is none of that name, or the file was cut short meanwhile.</exception>
    public Tensor Read(string name)
    {
        var entry = Entry(name);
        using var scope = NewDisposeScope();
        var tensor = empty([.. entry.Shape], Dtypes.Parse(entry.Dtype), CPU);
        var flat = tensor.view(-1);
        var elementBytes = SafetensorsHeader.ElementBytes[entry.Dtype];
        var block = BlockBytes / elementBytes;
        for (long done = 0; done < entry.Count; done += block)
        {
            using var part = flat.narrow(0, done, Math.Min(block, entry.Count - done));
            ReadExactly(Path, _handle, part.bytes, entry.Offset + (done * elementBytes));
        }

        return tensor.MoveToOuterDisposeScope();
    }

    /// <summary>Reads a tensor onto a device in a type, a block at a time: no second copy of it is made on the way. The caller disposes it.</summary>
    /// <exception cref="SafetensorsException">There is none of that name, or the file was cut short meanwhile.</exception>
    public Tensor Read(string name, ScalarType type, Device device)
    {
        var entry = Entry(name);
        var stored = Dtypes.Parse(entry.Dtype);
        if (stored == type && device.type == DeviceType.CPU) return Read(name);
        using var scope = NewDisposeScope();
        var target = empty([.. entry.Shape], type, device);
        var flat = target.view(-1);
        var elementBytes = SafetensorsHeader.ElementBytes[entry.Dtype];
        var block = ConvertedBlockBytes / elementBytes;
        var buffer = empty(Math.Min(block, entry.Count), stored, CPU);
        for (long done = 0; done < entry.Count; done += block)
        {
            using var part = buffer.narrow(0, 0, Math.Min(block, entry.Count - done));
            using var place = flat.narrow(0, done, part.shape[0]);
            ReadExactly(Path, _handle, part.bytes, entry.Offset + (done * elementBytes));
            place.copy_(part);
        }

        return target.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    private static void ReadExactly(string path, Microsoft.Win32.SafeHandles.SafeFileHandle handle, Span<byte> target, long offset)
    {
        while (target.Length > 0)
        {
            var read = RandomAccess.Read(handle, target, offset);
            if (read == 0) throw new SafetensorsException(path, $"the file ends at byte {offset}; it was cut short while it was open");
            target = target[read..];
            offset += read;
        }
    }

    // Only where the length is absurd: a header of 640 bytes begins as a pickle does, one of 19,280 bytes as a zip file. What follows in
    // those makes a length of more than the limit.
    private static void RefuseOtherFormats(string path, ReadOnlySpan<byte> start)
    {
        if (start[..2].SequenceEqual("PK"u8) || (start[0] == 0x80 && start[1] is >= 2 and <= 5))
        {
            throw new SafetensorsException(
                path, "this is a PyTorch pickle, which can run code when it is loaded and is never read here; convert it to safetensors");
        }

        if (start.SequenceEqual("version "u8))
        {
            throw new SafetensorsException(path, "this is a Git LFS pointer, not the file it stands for; fetch the file with 'git lfs pull'");
        }

        if (start[..4].SequenceEqual("GGUF"u8)) throw new SafetensorsException(path, "this is a GGUF file; a safetensors file is needed");
    }
}
