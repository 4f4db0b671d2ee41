using LoraArena.Learning.Models;
using static TorchSharp.torch;

namespace LoraArena.Learning.Packing;

/// <summary>
/// Turns a battle into one sequence of at most <see cref="MaxLength"/> tokens in which both answers stay visible: the prompt gets at most a
/// fifth of the room while the answers need the rest, the answers share equally unless one needs less, and what one part does not
/// use the others get. Of a conversation the last turns are kept; a turn that does not fit loses its middle. Cuts are marked.
/// </summary>
public sealed class BattlePacker
{
    private const int MinRoom = 16;
    private const int MinTurn = 16;
    private readonly PackingTemplate _template;

    /// <summary>A packer for one model and one length.</summary>
    /// <exception cref="ArgumentException">There would be no room for the texts.</exception>
    public BattlePacker(PackingTemplate template, int maxLength)
    {
        if (maxLength < template.Overhead + MinRoom)
        {
            throw new ArgumentException($"max_length {maxLength} leaves no room for the texts; {template.Overhead + MinRoom} is the least.", nameof(maxLength));
        }

        (_template, MaxLength) = (template, maxLength);
    }

    /// <summary>Tokens of a packed battle at most.</summary>
    public int MaxLength { get; }

    /// <summary>Packs a battle, with its answers exchanged if wanted.</summary>
    public PackedBattle Pack(TokenizedBattle battle, bool swap)
    {
        var (a, b) = swap ? (battle.B, battle.A) : (battle.A, battle.B);
        var room = Share(Whole(battle.Prompts), Whole(a), Whole(b));
        var packed = new List<int>(MaxLength);
        packed.AddRange(_template.Start);
        Fit(packed, battle.Prompts, room.Prompt);
        packed.AddRange(_template.BeforeA);
        Fit(packed, a, room.A);
        packed.AddRange(_template.BeforeB);
        var startOfB = packed.Count;
        Fit(packed, b, room.B);
        packed.AddRange(_template.End);
        return new PackedBattle([.. packed], startOfB);
    }

    /// <summary>Puts packed battles together on a device.</summary>
    public TokenBatch Batch(IReadOnlyList<PackedBattle> battles, Device device)
        => TokenBatch.Create([.. battles.Select(battle => battle.Ids)], _template.Pad, device, [.. battles.Select(battle => battle.StartOfB)]);

    /// <summary>True if nothing of the battle has to be left out.</summary>
    public bool FitsWhole(TokenizedBattle battle) => _template.Overhead + Whole(battle.Prompts) + Whole(battle.A) + Whole(battle.B) <= MaxLength;

    private (int Prompt, int A, int B) Share(int prompt, int a, int b)
    {
        var budget = MaxLength - _template.Overhead;
        var rest = budget - Math.Min(prompt, budget / 5);
        var forA = Math.Min(a, Math.Max(rest / 2, rest - b));
        var forB = Math.Min(b, rest - forA);
        return (Math.Min(prompt, budget - forA - forB), forA, forB);
    }

    private int Whole(IReadOnlyList<int[]> turns) => turns.Sum(t => t.Length) + (Math.Max(0, turns.Count - 1) * _template.BetweenTurns.Count);

    private void Fit(List<int> packed, IReadOnlyList<int[]> turns, int room)
    {
        if (Whole(turns) <= room)
        {
            for (var i = 0; i < turns.Count; i++)
            {
                if (i > 0) packed.AddRange(_template.BetweenTurns);
                packed.AddRange(turns[i]);
            }

            return;
        }

        // From the last turn back: whole turns while they fit, then one that is cut if enough room is left for it to say something.
        var kept = new List<IReadOnlyList<int>>();
        var left = room;
        var first = turns.Count;
        while (first > 0)
        {
            var before = kept.Count > 0 ? _template.BetweenTurns.Count : 0;
            var mark = first > 1 ? _template.Cut.Count : 0;
            if (turns[first - 1].Length + before + mark > left) break;
            first--;
            left -= turns[first].Length + before;
            kept.Insert(0, turns[first]);
        }

        var between = kept.Count > 0 ? _template.BetweenTurns.Count : 0;
        if (first > 0 && (kept.Count == 0 || left - between >= MinTurn))
        {
            var mark = first > 1 ? _template.Cut.Count : 0;
            kept.Insert(0, CutMiddle(turns[first - 1], Math.Max(0, left - between - mark)));
            first--;
        }

        var start = packed.Count;
        if (first > 0) packed.AddRange(_template.Cut);
        for (var i = 0; i < kept.Count; i++)
        {
            if (i > 0) packed.AddRange(_template.BetweenTurns);
            packed.AddRange(kept[i]);
        }

        // Only where the room is smaller than the mark itself.
        if (packed.Count - start > room) packed.RemoveRange(start + room, packed.Count - start - room);
    }

    private int[] CutMiddle(int[] turn, int room)
    {
        if (turn.Length <= room) return turn;
        if (room <= _template.Cut.Count + 2) return turn[..room];
        var keep = room - _template.Cut.Count;
        return [.. turn[..(keep / 2)], .. _template.Cut, .. turn[^(keep - (keep / 2))..]];
    }
}
