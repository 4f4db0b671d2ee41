using System.Text;
using LoraArena.Core.Battles;

namespace LoraArena.Learning.Packing;

/// <summary>All rows of a data file as tokens, with the template that goes round them; in the form in which <see cref="TokenCache"/> keeps them.</summary>
/// <param name="Template">The template of the tokenizer that made them.</param>
/// <param name="Battles">The rows, in the order of the file.</param>
public sealed record TokenizedFile(PackingTemplate Template, IReadOnlyList<TokenizedBattle> Battles)
{
    private const int Unlabelled = -1;

    /// <summary>Writes it.</summary>
    internal void Write(Stream stream)
    {
        using var writer = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true);
        foreach (var ids in TemplateParts(Template)) WriteIds(writer, ids);
        writer.Write(Template.Pad);
        writer.Write(Battles.Count);
        foreach (var battle in Battles)
        {
            writer.Write(battle.Id);
            writer.Write(battle.Group);
            writer.Write((sbyte)(battle.Winner is { } winner ? (int)winner : Unlabelled));
            foreach (var turns in new[] { battle.Prompts, battle.A, battle.B })
            {
                writer.Write7BitEncodedInt(turns.Count);
                foreach (var turn in turns) WriteIds(writer, turn);
            }
        }
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <exception cref="InvalidDataException">It is something else.</exception>
    /// <exception cref="EndOfStreamException">It ends too soon.</exception>
    internal static TokenizedFile Read(Stream stream)
    {
        using var reader = new BinaryReader(stream, Encoding.UTF8, leaveOpen: true);
        var parts = Enumerable.Range(0, 6).Select(_ => ReadIds(reader)).ToArray();
        var template = new PackingTemplate(parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], reader.ReadInt32());
        var battles = new TokenizedBattle[Count(reader.ReadInt32(), stream)];
        for (var i = 0; i < battles.Length; i++)
        {
            var (id, group, winner) = (reader.ReadString(), reader.ReadString(), reader.ReadSByte());
            battles[i] = new TokenizedBattle(id, ReadTurns(reader), ReadTurns(reader), ReadTurns(reader), winner == Unlabelled ? null : (Winner)winner, group);
        }

        return new TokenizedFile(template, battles);
    }

    private static IEnumerable<IReadOnlyList<int>> TemplateParts(PackingTemplate template)
        => [template.Start, template.BeforeA, template.BeforeB, template.End, template.BetweenTurns, template.Cut];

    // Most ids are below 2^14 or 2^21: two or three bytes.
    private static void WriteIds(BinaryWriter writer, IReadOnlyList<int> ids)
    {
        writer.Write7BitEncodedInt(ids.Count);
        foreach (var id in ids) writer.Write7BitEncodedInt(id);
    }

    private static int[] ReadIds(BinaryReader reader)
    {
        var ids = new int[Count(reader.Read7BitEncodedInt(), reader.BaseStream)];
        for (var i = 0; i < ids.Length; i++) ids[i] = reader.Read7BitEncodedInt();
        return ids;
    }

    private static int[][] ReadTurns(BinaryReader reader)
    {
        var turns = new int[Count(reader.Read7BitEncodedInt(), reader.BaseStream)][];
        for (var i = 0; i < turns.Length; i++) turns[i] = ReadIds(reader);
        return turns;
    }

    // Everything counted takes a byte at least, so a damaged count cannot make us allocate more than the file is long.
    private static int Count(int count, Stream stream)
        => count >= 0 && count <= stream.Length - stream.Position ? count : throw new InvalidDataException($"A count of {count} in {stream.Length} bytes.");
}
