using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using LoraArena.Core.Battles;
using LoraArena.Core.Files;

namespace LoraArena.Learning.Packing;

/// <summary>Tokenised battles in a file: ids of two or four bytes one after the other, and the SHA-256 of all before at the end.</summary>
public static class TokenFile
{
    private const int Format = 1;
    private const int NoWinner = -1;

    /// <summary>Writes battles, whole or not at all.</summary>
    /// <exception cref="IOException">The disk is full or the folder cannot be written.</exception>
    public static void Write(string path, IReadOnlyList<TokenizedBattle> battles) => AtomicFile.Write(path, file =>
    {
        using var hash = SHA256.Create();
        using (var hashed = new CryptoStream(file, hash, CryptoStreamMode.Write, leaveOpen: true))
        using (var writer = new BinaryWriter(new BufferedStream(hashed, 1 << 20), Encoding.UTF8))
        {
            var isNarrow = battles.All(battle => Parts(battle).All(turns => turns.All(turn => turn.All(id => id <= ushort.MaxValue))));
            writer.Write(Format);
            writer.Write(isNarrow);
            writer.Write(battles.Count);
            foreach (var battle in battles)
            {
                writer.Write(battle.Id);
                writer.Write(battle.Group);
                writer.Write(battle.Winner is { } winner ? (int)winner : NoWinner);
                foreach (var turns in Parts(battle)) Write(writer, turns, isNarrow);
            }
        }

        file.Write(hash.Hash!);
    });

    /// <summary>Reads them back; null where the file is missing, damaged or of another format.</summary>
    public static IReadOnlyList<TokenizedBattle>? TryRead(string path)
    {
        try
        {
            var bytes = File.ReadAllBytes(path);
            var end = bytes.Length - SHA256.HashSizeInBytes;
            if (end < 0 || !SHA256.HashData(bytes.AsSpan(0, end)).AsSpan().SequenceEqual(bytes.AsSpan(end))) return null;
            using var reader = new BinaryReader(new MemoryStream(bytes, 0, end), Encoding.UTF8);
            if (reader.ReadInt32() != Format) return null;
            var isNarrow = reader.ReadBoolean();
            var battles = new TokenizedBattle[reader.ReadInt32()];
            for (var i = 0; i < battles.Length; i++)
            {
                var (id, group, winner) = (reader.ReadString(), reader.ReadString(), reader.ReadInt32());
                battles[i] = new TokenizedBattle(id, Read(reader, isNarrow), Read(reader, isNarrow), Read(reader, isNarrow), winner == NoWinner ? null : (Winner)winner, group);
            }

            return battles;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static IReadOnlyList<int[]>[] Parts(TokenizedBattle battle) => [battle.Prompts, battle.A, battle.B];

    private static void Write(BinaryWriter writer, IReadOnlyList<int[]> turns, bool isNarrow)
    {
        writer.Write(turns.Count);
        foreach (var turn in turns)
        {
            writer.Write(turn.Length);
            if (isNarrow) writer.Write(MemoryMarshal.AsBytes<ushort>(Array.ConvertAll(turn, id => (ushort)id)));
            else writer.Write(MemoryMarshal.AsBytes<int>(turn));
        }
    }

    private static int[][] Read(BinaryReader reader, bool isNarrow)
    {
        var turns = new int[reader.ReadInt32()][];
        for (var i = 0; i < turns.Length; i++)
        {
            var count = reader.ReadInt32();
            if (isNarrow)
            {
                turns[i] = Array.ConvertAll(MemoryMarshal.Cast<byte, ushort>(reader.ReadBytes(2 * count)).ToArray(), id => (int)id);
            }
            else
            {
                turns[i] = MemoryMarshal.Cast<byte, int>(reader.ReadBytes(sizeof(int) * count)).ToArray();
            }
        }

        return turns;
    }
}
