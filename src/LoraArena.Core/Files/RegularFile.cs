using System.Runtime.InteropServices;

namespace LoraArena.Core.Files;

/// <summary>
/// Tells files from what only looks like one: opening a pipe waits for somebody to write to it, for ever if need be, and a device has no end.
/// </summary>
public static partial class RegularFile
{
    private const int CurrentFolder = -100;
    private const uint TypeOnly = 1;
    private const int ModeOffset = 28;
    private const int TypeBits = 0xF000;

    /// <summary>Why a path cannot be read as a file; null where it can, where nothing is there, and where the system does not tell.</summary>
    public static string? Refusal(string path)
    {
        if (!OperatingSystem.IsLinux()) return null;

        // struct statx has the same form on every Linux: 256 bytes, the mode a 16-bit number at 28 (statx(2)).
        Span<byte> answer = stackalloc byte[256];
        try
        {
            if (StatX(CurrentFolder, path, 0, TypeOnly, ref MemoryMarshal.GetReference(answer)) != 0) return null;
        }
        catch (EntryPointNotFoundException)
        {
            return null;
        }

        return (MemoryMarshal.Read<ushort>(answer[ModeOffset..]) & TypeBits) switch
        {
            0x1000 => "this is a pipe (FIFO), not a file: write what it carries to a file first",
            0x2000 or 0x6000 => "this is a device, not a file: copy what is to be read to a file first",
            0xC000 => "this is a socket, not a file: write what it carries to a file first",
            _ => null,
        };
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatX(int folder, string path, int flags, uint mask, ref byte answer);
}
