using CsCheck;
using LoraArena.Core.Battles;
using LoraArena.Learning.Packing;

namespace LoraArena.Learning.Tests.Packing;

/// <summary>
/// Properties of packed battles over random conversations, lengths and templates. Tokens of the prompt are 1000 and more, of A 2000, of B 3000,
/// each with its number in the part, so that a test can tell from a sequence what was kept.
/// </summary>
public sealed class BattlePackerTests
{
    private const int Prompt = 1_000;
    private const int A = 2_000;
    private const int B = 3_000;
    private const int Unit = 1_000;
    private const int Between = 5;
    private const int Cut = 6;

    // [CLS] prompt [SEP] A [SEP] B [SEP], and words as decoders have them.
    private static readonly PackingTemplate Encoder = new([1], [2], [3], [4], [Between], [Cut], Pad: 0);
    private static readonly PackingTemplate Decoder = new([1, 1], [2, 2, 2], [3, 3, 3], [4, 4], [Between, Between], [Cut, Cut, Cut], Pad: 0);

    private static readonly Gen<PackingTemplate> Templates = Gen.Bool.Select(encoder => encoder ? Encoder : Decoder);
    private static readonly Gen<int[]> Turns = Gen.Frequency((3, Gen.Int[0, 30]), (1, Gen.Int[0, 150])).Array[1, 5];
    private static readonly Gen<TokenizedBattle> Battles = Gen.Select(Turns, Turns, Turns, (p, a, b) => Battle(p, a, b));
    private static readonly Gen<int> Lengths = Gen.Int[26, 200];

    [Fact]
    public void APackedBattle_IsNeverLongerThanAllowed_AndAsLongAsItCanBe()
        => Gen.Select(Templates, Battles, Lengths).Sample((template, battle, length) =>
        {
            var packer = new BattlePacker(template, length);
            var packed = packer.Pack(battle, swap: false).Ids;
            Assert.InRange(packed.Length, template.Overhead, length);
            Assert.Equal(packer.FitsWhole(battle), packed.SequenceEqual(Whole(template, battle)));
            if (packer.FitsWhole(battle)) return;

            // What a cut leaves unused is less than a turn that is not worth a beginning, in each of the three parts.
            Assert.True(packed.Length >= length - (3 * 22), $"{packed.Length} of {length} used");
        }, iter: 3000);

    [Fact]
    public void SpecialTokens_StandWhereTheTemplatePutsThem()
        => Gen.Select(Templates, Battles, Lengths).Sample((template, battle, length) =>
        {
            var (prompt, a, b) = Parts(template, new BattlePacker(template, length).Pack(battle, swap: false).Ids);
            Assert.All(prompt, id => Assert.True(id is Between or Cut || Of(id) == Prompt));
            Assert.All(a, id => Assert.True(id is Between or Cut || Of(id) == A));
            Assert.All(b, id => Assert.True(id is Between or Cut || Of(id) == B));
        }, iter: 3000);

    [Fact]
    public void BothAnswersStayVisible_HoweverLongTheRestIs()
        => Gen.Select(Templates, Battles, Lengths).Sample((template, battle, length) =>
        {
            var budget = length - template.Overhead;
            var (_, a, b) = Parts(template, new BattlePacker(template, length).Pack(battle, swap: false).Ids);
            AssertVisible(a, battle.A, A);
            AssertVisible(b, battle.B, B);

            void AssertVisible(List<int> part, IReadOnlyList<int[]> turns, int of)
            {
                // The prompt takes a fifth at most, so an answer has two fifths of the room or all that it needs.
                var needs = Needs(template, turns);
                var share = Math.Min(needs, (budget - (budget / 5)) / 2);
                Assert.True(part.Count >= share - 22, $"{part.Count} tokens of {needs}, {share} are its share");
                if (turns[^1].Length > 0) Assert.Contains(part, id => Of(id) == of);
            }
        }, iter: 3000);

    [Fact]
    public void WhatIsKept_IsInOrder_AndCutsAreMarked()
        => Gen.Select(Templates, Battles, Lengths).Sample((template, battle, length) =>
        {
            var (prompt, a, b) = Parts(template, new BattlePacker(template, length).Pack(battle, swap: false).Ids);
            foreach (var (part, turns) in new[] { (prompt, battle.Prompts), (a, battle.A), (b, battle.B) })
            {
                var kept = part.Where(id => id >= Unit).ToList();
                Assert.Equal(kept.Order(), kept);
                Assert.Equal(kept.Distinct().Count(), kept.Count);
                if (kept.Count < turns.Sum(t => t.Length) && part.Count >= template.Cut.Count + 3) Assert.Contains(Cut, part);

                // An empty turn that is left out is marked too.
                if (kept.Count == turns.Sum(t => t.Length) && turns.All(t => t.Length > 0)) Assert.DoesNotContain(Cut, part);
            }
        }, iter: 3000);

    [Fact]
    public void TheLastTokenOfAPart_IsKept()
        => Gen.Select(Templates, Battles, Lengths).Sample((template, battle, length) =>
        {
            // Of a conversation the last turns stay, and of a turn both ends. Rooms of a few tokens hold its beginning only.
            var (prompt, a, b) = Parts(template, new BattlePacker(template, length).Pack(battle, swap: false).Ids);
            foreach (var (part, turns) in new[] { (prompt, battle.Prompts), (a, battle.A), (b, battle.B) })
            {
                if (part.Count > 2 * template.Cut.Count + 4 && turns[^1].Length > 0) Assert.Equal(turns[^1][^1], part[^1]);
            }
        }, iter: 3000);

    [Fact]
    public void Swapping_ExchangesTheAnswersAndNothingElse()
        => Gen.Select(Templates, Battles, Lengths).Sample((template, battle, length) =>
        {
            var packer = new BattlePacker(template, length);
            Assert.Equal(packer.Pack(battle with { A = battle.B, B = battle.A }, swap: false).Ids, packer.Pack(battle, swap: true).Ids);
            var (_, a, b) = Parts(template, packer.Pack(battle, swap: true).Ids);
            Assert.All(a, id => Assert.True(id < Unit || Of(id) == B));
            Assert.All(b, id => Assert.True(id < Unit || Of(id) == A));
        }, iter: 1000);

    [Fact]
    public void TheSecondSegment_BeginsWithAnswerB()
        => Gen.Select(Templates, Battles, Lengths).Sample((template, battle, length) =>
        {
            var packer = new BattlePacker(template, length);
            var packed = packer.Pack(battle, swap: false);
            var (_, _, b) = Parts(template, packed.Ids);
            Assert.Equal(packed.Length - template.End.Count - b.Count, packed.StartOfB);

            // Beside a shorter one, so that there is padding.
            using var batch = packer.Batch([packed, packer.Pack(Battle([1], [1], [1]), swap: false)], TorchSharp.torch.CPU);
            var segments = batch.TokenTypeIdsBT!.data<long>().ToArray();
            Assert.Equal(Enumerable.Range(0, packed.Length).Select(t => t >= packed.StartOfB ? 1L : 0L), segments.Take(packed.Length));
        }, iter: 300);

    [Fact]
    public void AShortAnswer_LeavesItsRoomToTheOther()
    {
        var packer = new BattlePacker(Encoder, 104);
        var (prompt, a, b) = Parts(Encoder, packer.Pack(Battle([200], [10], [200]), swap: false).Ids);
        Assert.Equal((20, 10, 70), (prompt.Count, a.Count, b.Count));
        (prompt, a, b) = Parts(Encoder, packer.Pack(Battle([200], [200], [10]), swap: false).Ids);
        Assert.Equal((20, 70, 10), (prompt.Count, a.Count, b.Count));
        (prompt, a, b) = Parts(Encoder, packer.Pack(Battle([200], [200], [200]), swap: false).Ids);
        Assert.Equal((20, 40, 40), (prompt.Count, a.Count, b.Count));
        (prompt, a, b) = Parts(Encoder, packer.Pack(Battle([200], [10], [10]), swap: false).Ids);
        Assert.Equal((80, 10, 10), (prompt.Count, a.Count, b.Count));
    }

    [Fact]
    public void ATurnThatDoesNotFit_LosesItsMiddle()
    {
        var (prompt, a, _) = Parts(Encoder, new BattlePacker(Encoder, 104).Pack(Battle([5], [100], [100]), swap: false).Ids);
        Assert.Equal(5, prompt.Count);
        Assert.Equal([.. Enumerable.Range(A, 23), Cut, .. Enumerable.Range(A + 77, 23)], a);
    }

    [Fact]
    public void OfAConversation_TheLastTurnsStay_AndTheTurnBeforeThemWhereThereIsRoom()
    {
        // 47 tokens for A: the last turn of 20, a separator, and 26 left of the turn before: the mark that turns are missing, and 25 with the mark of the cut.
        var (_, a, _) = Parts(Encoder, new BattlePacker(Encoder, 104).Pack(Battle([5], [50, 60, 20], [100]), swap: false).Ids);
        Assert.Equal(47, a.Count);
        Assert.Equal([Cut, .. Enumerable.Range(A + 50, 12), Cut, .. Enumerable.Range(A + 98, 12), Between, .. Enumerable.Range(A + 110, 20)], a);

        // With a last turn of 35 only 11 would be left: not worth a beginning.
        (_, a, _) = Parts(Encoder, new BattlePacker(Encoder, 104).Pack(Battle([5], [50, 60, 35], [100]), swap: false).Ids);
        Assert.Equal([Cut, .. Enumerable.Range(A + 110, 35)], a);
    }

    [Fact]
    public void ALengthThatLeavesNoRoom_IsRefused()
    {
        Assert.Equal(20, new BattlePacker(Encoder, 20).MaxLength);
        Assert.Contains(
            "max_length 19 leaves no room for the texts; 20 is the least.",
            Assert.Throws<ArgumentException>(() => new BattlePacker(Encoder, 19)).Message, StringComparison.Ordinal);
    }

    private static TokenizedBattle Battle(int[] prompt, int[] a, int[] b)
        => new("id", Numbered(prompt, Prompt), Numbered(a, A), Numbered(b, B), Winner.Tie, "group");

    private static List<int[]> Numbered(int[] lengths, int from)
    {
        var turns = new List<int[]>();
        foreach (var length in lengths)
        {
            turns.Add([.. Enumerable.Range(from, length)]);
            from += length;
        }

        return turns;
    }

    private static int Of(int id) => id / Unit * Unit;

    private static int Needs(PackingTemplate template, IReadOnlyList<int[]> turns)
        => turns.Sum(t => t.Length) + ((turns.Count - 1) * template.BetweenTurns.Count);

    private static List<int> Whole(PackingTemplate template, TokenizedBattle battle)
        => [
            .. template.Start, .. Joined(template, battle.Prompts), .. template.BeforeA, .. Joined(template, battle.A), .. template.BeforeB,
            .. Joined(template, battle.B), .. template.End];

    private static IEnumerable<int> Joined(PackingTemplate template, IReadOnlyList<int[]> turns)
        => turns.SelectMany((turn, i) => i == 0 ? turn : template.BetweenTurns.Concat(turn));

    // The three parts between the template's tokens, which stand nowhere else.
    private static (List<int> Prompt, List<int> A, List<int> B) Parts(PackingTemplate template, int[] packed)
    {
        Assert.Equal(template.Start, packed.Take(template.Start.Count));
        Assert.Equal(template.End, packed.TakeLast(template.End.Count));
        var (a, b) = (Array.IndexOf(packed, template.BeforeA[0]), Array.IndexOf(packed, template.BeforeB[0]));
        Assert.Equal(template.BeforeA, packed.Skip(a).Take(template.BeforeA.Count));
        Assert.Equal(template.BeforeB, packed.Skip(b).Take(template.BeforeB.Count));
        return (
            [.. packed[template.Start.Count..a]], [.. packed[(a + template.BeforeA.Count)..b]],
            [.. packed[(b + template.BeforeB.Count)..^template.End.Count]]);
    }
}
