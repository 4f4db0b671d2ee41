using System.Buffers.Binary;
using System.Text;

namespace LoraArena.Learning.Tests.Files;

/// <summary>Safetensors files byte by byte: right ones, and ones that lie.</summary>
internal static class RawSafetensors
{
    /// <summary>A file of a header and data; the length before the header says the truth.</summary>
    public static byte[] Of(string header, int dataBytes) => Of(Encoding.UTF8.GetBytes(header), dataBytes);

    /// <summary>The same with a header that need not be text.</summary>
    public static byte[] Of(byte[] header, int dataBytes) => WithLength((ulong)header.Length, [.. header, .. new byte[dataBytes]]);

    /// <summary>A file whose first eight bytes say any length.</summary>
    public static byte[] WithLength(ulong length, byte[] rest)
    {
        var file = new byte[8 + rest.Length];
        BinaryPrimitives.WriteUInt64LittleEndian(file, length);
        rest.CopyTo(file, 8);
        return file;
    }

    /// <summary>The header's text about one tensor.</summary>
    public static string Tensor(string name, string dtype, string shape, string offsets) => $$$"""{"{{{name}}}":{"dtype":"{{{dtype}}}","shape":{{{shape}}},"data_offsets":{{{offsets}}}}}""";
}
