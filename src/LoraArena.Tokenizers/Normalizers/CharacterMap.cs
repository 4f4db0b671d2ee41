using System.Buffers.Binary;
using System.Text;
using LoraArena.Tokenizers.Files;

namespace LoraArena.Tokenizers.Normalizers;

/// <summary>
/// SentencePiece's compiled table of replacements: a double array (Aoe 1989, in the layout of Darts-clone) from UTF-8 keys to places in a
/// block of texts that end
/// with a zero.
/// </summary>
internal sealed class CharacterMap
{
    private const int UnitBytes = 4;

    private readonly uint[] _units;
    private readonly byte[] _texts;

    private CharacterMap(uint[] units, byte[] texts) => (_units, _texts) = (units, texts);

    /// <summary>Reads a table in base64.</summary>
    /// <exception cref="TokenizerException">It is not one.</exception>
    public static CharacterMap Read(JsonPart part)
    {
        byte[] bytes;
        try
        {
            bytes = Convert.FromBase64String(part.Text());
        }
        catch (FormatException)
        {
            throw part.Problem("the table is not base64");
        }

        if (bytes.Length < UnitBytes) throw part.Problem("the table is too short");
        var length = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        if (length % UnitBytes != 0 || length == 0 || length > bytes.Length - UnitBytes)
        {
            throw part.Problem($"the table says that its first half has {length} bytes, but it has {bytes.Length} in all");
        }

        var units = new uint[length / UnitBytes];
        for (var i = 0; i < units.Length; i++) units[i] = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(UnitBytes * (i + 1)));
        return new CharacterMap(units, bytes[((int)length + UnitBytes)..]);
    }

    /// <summary>What stands for the shortest key that the UTF-8 text begins with; null where it begins with none.</summary>
    public string? Find(ReadOnlySpan<byte> text)
    {
        var at = OffsetOf(_units[0]);
        foreach (var b in text)
        {
            if (b == 0) return null;
            at ^= b;
            if (at >= (uint)_units.Length) return null;
            var unit = _units[at];
            if ((unit & 0x800000FF) != b) return null;
            at ^= OffsetOf(unit);
            if ((unit & 0x100) == 0) continue;

            // A leaf stands at the node's own offset. A damaged table leads nowhere.
            if (at >= (uint)_units.Length) return null;
            var start = _units[at] & 0x7FFFFFFF;
            if (start >= (uint)_texts.Length) return null;
            var rest = _texts.AsSpan((int)start);
            var end = rest.IndexOf((byte)0);
            return Encoding.UTF8.GetString(end < 0 ? rest : rest[..end]);
        }

        return null;
    }

    private static uint OffsetOf(uint unit) => (unit >> 10) << (int)((unit & 0x200) >> 6);
}
