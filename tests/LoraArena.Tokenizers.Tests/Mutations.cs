using LoraArena.Core.Statistics;

namespace LoraArena.Tokenizers.Tests;

/// <summary>Files that were damaged at some places: bytes changed, taken out, doubled, or replaced by what a reader may stumble over.</summary>
internal static class Mutations
{
    private static readonly byte[] Stumbling = [.. "0123456789-[]{},:\"\\.eE"u8, 0x00, 0x7F, 0x80, 0xFF];

    /// <summary>Damaged files; the same for the same seed.</summary>
    /// <param name="original">The file.</param>
    /// <param name="seed">Decides the damage.</param>
    /// <param name="count">How many.</param>
    public static IEnumerable<byte[]> Of(byte[] original, int seed, int count)
    {
        var random = new SeededRandom(seed);
        for (var i = 0; i < count; i++)
        {
            var bytes = original.ToList();
            for (var changes = 1 + random.Next(4); changes > 0 && bytes.Count > 1; changes--) Change(bytes, random);
            yield return [.. bytes];
        }
    }

    private static void Change(List<byte> bytes, SeededRandom random)
    {
        var at = random.Next(bytes.Count);
        var length = Math.Min(1 + random.Next(40), bytes.Count - at);
        switch (random.Next(6))
        {
            case 0:
                bytes[at] = (byte)random.Next(256);
                break;
            case 1:
                bytes[at] ^= (byte)(1 << random.Next(8));
                break;
            case 2:
                bytes.RemoveRange(at, length);
                break;
            case 3:
                bytes.InsertRange(at, bytes.GetRange(at, length));
                break;
            case 4:
                bytes.RemoveRange(at, bytes.Count - at);
                break;
            default:
                bytes[at] = Stumbling[random.Next(Stumbling.Length)];
                break;
        }
    }
}
