using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace LoraArena.Tokenizers.Models;

/// <summary>
/// The tokens of words met lately: one slot a hash value, the newest wins. Threads share it without locks: an entry never changes, and a slot is read and
/// written in one piece, so the worst that a race does is to forget a word.
/// </summary>
internal sealed class WordCache
{
    /// <summary>Longer words are seldom met twice.</summary>
    public const int LongestWord = 64;

    private const int SlotBits = 16;

    private readonly EncodedWord?[] _slots = new EncodedWord?[1 << SlotBits];

    /// <summary>The tokens of a word, or null.</summary>
    public EncodedWord? Find(ReadOnlySpan<char> word)
    {
        var entry = Volatile.Read(ref _slots[SlotOf(word)]);
        return entry is not null && word.SequenceEqual(entry.Word) ? entry : null;
    }

    /// <summary>Keeps the tokens of a word.</summary>
    public void Keep(EncodedWord entry) => Volatile.Write(ref _slots[SlotOf(entry.Word)], entry);

    private static int SlotOf(ReadOnlySpan<char> word)
    {
        const ulong factor = 0x9E3779B97F4A7C15;
        var bytes = MemoryMarshal.AsBytes(word);
        var hash = (ulong)bytes.Length;
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
        {
            hash = (hash ^ BinaryPrimitives.ReadUInt64LittleEndian(bytes)) * factor;
            hash ^= hash >> 29;
        }

        foreach (var b in bytes) hash = (hash ^ b) * factor;
        return (int)(hash >> (64 - SlotBits));
    }
}
