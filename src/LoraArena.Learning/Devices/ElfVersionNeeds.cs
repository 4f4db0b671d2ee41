using System.Buffers.Binary;
using System.Text;

namespace LoraArena.Learning.Devices;

/// <summary>
/// Makes one version that a Linux library asks of another optional. TorchSharp's native half is compiled with GCC 13, whose
/// &lt;iostream&gt; header makes every object ask for GLIBCXX_3.4.32 through a symbol that nothing calls; Debian 12 and Ubuntu 22.04 have
/// 3.4.30, and the loader refuses. The flag that is set here tells the loader not to insist.
/// Layout: ELF-64 and the GNU symbol-versioning sections (Linux Standard Base, Core, chapter 10).
/// </summary>
public static class ElfVersionNeeds
{
    private const uint SectionDynamicSymbols = 11;
    private const uint SectionVersionNeeds = 0x6ffffffe;
    private const uint SectionVersionOfSymbols = 0x6fffffff;
    private const ushort FlagWeak = 2;

    /// <summary>Marks a version as optional, in place.</summary>
    /// <param name="elf">The library's bytes.</param>
    /// <param name="version">Such as <c>GLIBCXX_3.4.32</c>.</param>
    /// <param name="unusedSymbol">The only symbol that may ask for it.</param>
    /// <returns>
    /// False if the library is of another form, does not ask for the version, or asks for it through other symbols too; it is then
    /// unchanged.
    /// </returns>
    public static bool MakeOptional(Span<byte> elf, string version, string unusedSymbol)
    {
        // 64-bit, little-endian ELF.
        if (elf.Length < 64 || !elf[..6].SequenceEqual("\u007fELF\u0002\u0001"u8)) return false;
        try
        {
            var needs = Find(elf, SectionVersionNeeds);
            var versions = Find(elf, SectionVersionOfSymbols);
            var symbols = Find(elf, SectionDynamicSymbols);
            if (needs is null || versions is null || symbols is null) return false;
            var names = Section(elf, (int)needs.Value.Link).Offset;
            for (var need = needs.Value.Offset; ; need += (int)U32(elf, need + 12))
            {
                for (var aux = need + (int)U32(elf, need + 8); ; aux += (int)U32(elf, aux + 12))
                {
                    if (Text(elf, names + (int)U32(elf, aux + 8)) == version)
                    {
                        var index = U16(elf, aux + 6);
                        if (!OnlySymbol(elf, symbols.Value, versions.Value, names, index, unusedSymbol)) return false;
                        BinaryPrimitives.WriteUInt16LittleEndian(elf[(aux + 4)..], (ushort)(U16(elf, aux + 4) | FlagWeak));
                        return true;
                    }

                    if (U32(elf, aux + 12) == 0) break;
                }

                if (U32(elf, need + 12) == 0) return false;
            }
        }
        catch (ArgumentOutOfRangeException)
        {
            return false;
        }
    }

    private static bool OnlySymbol(
        ReadOnlySpan<byte> elf, (int Offset, int Bytes, uint Link) symbols, (int Offset, int Bytes, uint Link) versions, int names,
        ushort index, string name)
    {
        for (var i = 0; i < symbols.Bytes / 24; i++)
        {
            if ((U16(elf, versions.Offset + (2 * i)) & 0x7fff) == index && Text(elf, names + (int)U32(elf, symbols.Offset + (24 * i))) != name) return false;
        }

        return true;
    }

    private static (int Offset, int Bytes, uint Link)? Find(ReadOnlySpan<byte> elf, uint type)
    {
        for (var i = 0; i < U16(elf, 60); i++)
        {
            var header = SectionHeader(elf, i);
            if (U32(elf, header + 4) == type) return Section(elf, i);
        }

        return null;
    }

    private static (int Offset, int Bytes, uint Link) Section(ReadOnlySpan<byte> elf, int number)
    {
        var header = SectionHeader(elf, number);
        return ((int)U64(elf, header + 24), (int)U64(elf, header + 32), U32(elf, header + 40));
    }

    private static int SectionHeader(ReadOnlySpan<byte> elf, int number) => (int)U64(elf, 40) + (number * U16(elf, 58));

    private static string Text(ReadOnlySpan<byte> elf, int offset)
    {
        var rest = elf[offset..];
        return Encoding.ASCII.GetString(rest[..rest.IndexOf((byte)0)]);
    }

    private static ushort U16(ReadOnlySpan<byte> elf, int offset) => BinaryPrimitives.ReadUInt16LittleEndian(elf[offset..]);

    private static uint U32(ReadOnlySpan<byte> elf, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(elf[offset..]);

    private static ulong U64(ReadOnlySpan<byte> elf, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(elf[offset..]);
}
