using LoraArena.Core.Battles;
using LoraArena.Core.Statistics;
using LoraArena.Learning.Packing;
using LoraArena.Learning.Pretraining;

namespace LoraArena.Learning.Tests.Pretraining;

/// <summary>
/// What pre-training asks of a model. Words are 100 and more; the tokens of battle n are 1000 · n and more, so that a test can tell whose an
/// answer is.
/// </summary>
public sealed class MaskedBatchTests
{
    private const int Unit = 1_000;
    private const int Vocabulary = 30_000;
    private static readonly PretrainingTokens Tokens = new(Cls: 1, Sep: 2, Mask: 3, Pad: 0, Vocabulary);
    private static readonly PackingTemplate Template = new([1], [2], [2], [2], [4], [5], Pad: 0);

    private static readonly PretrainingSpec Spec = new([], Vocabulary, [], [], Steps: 10) { TokensPerStep = 2048, MaxLength = 64, Seed = 7 };

    [Fact]
    public void AStep_IsAFunctionOfSeedAndNumber()
    {
        Assert.Equal(Ids(Batches(Spec).OfStep(3)), Ids(Batches(Spec).OfStep(3)));
        Assert.NotEqual(Ids(Batches(Spec).OfStep(3)), Ids(Batches(Spec).OfStep(4)));
        Assert.NotEqual(Ids(Batches(Spec).OfStep(3)), Ids(Batches(Spec with { Seed = 8 }).OfStep(3)));

        // Held-out sequences are hidden alike however far the training is.
        var batches = Batches(Spec);
        var before = Ids(batches.OfHeldOut());
        batches.OfStep(1);
        Assert.Equal(before, Ids(batches.OfHeldOut()));
    }

    [Fact]
    public void AStep_KeepsWithinItsTokens()
    {
        var batches = Batches(Spec);
        Assert.All(Enumerable.Range(0, 30), step =>
        {
            var sequences = batches.OfStep(step);
            Assert.NotEmpty(sequences);
            Assert.True(sequences.Count * sequences.Max(s => s.Packed.Length) <= Spec.TokensPerStep);
        });
    }

    [Fact]
    public void TokensAreHidden_AsBertHidesThem()
    {
        var (words, chosen, masked, stayed) = (0, 0, 0, 0);
        var batches = Batches(Spec with { ForeignShare = 0 });
        foreach (var sequence in Enumerable.Range(0, 60).SelectMany(step => batches.OfStep(step)))
        {
            var ids = sequence.Packed.Ids;
            foreach (var (place, truth) in sequence.Places.Zip(sequence.Guesses))
            {
                Assert.False(Tokens.IsSpecial(truth));
                if (ids[place] == Tokens.Mask) masked++;
                if (ids[place] == truth) stayed++;
            }

            Assert.All(Enumerable.Range(0, ids.Length).Except(sequence.Places), place => Assert.NotEqual(Tokens.Mask, ids[place]));
            words += ids.Where((id, place) => !Tokens.IsSpecial(id) || sequence.Places.Contains(place)).Count();
            chosen += sequence.Places.Count;
        }

        // Five standard deviations of a binomial share.
        AssertShare(Spec.MaskProbability, chosen, words);
        AssertShare(0.8, masked, chosen);
        AssertShare(0.1, stayed, chosen);
    }

    [Fact]
    public void AnExchangedAnswer_Loses()
    {
        var batches = Batches(Spec with { ForeignShare = 1, MaskProbability = 0, BattleShare = 1 });
        var sequences = Enumerable.Range(0, 20).SelectMany(step => batches.OfStep(step)).ToList();
        var winners = new List<Winner>();
        foreach (var sequence in sequences)
        {
            var (prompt, a, b) = Owners(sequence.Packed);
            if (a == prompt && b == prompt) continue;
            Assert.Equal(a == prompt ? Winner.ModelA : Winner.ModelB, sequence.Better);
            Assert.True(a == prompt || b == prompt, "both answers are foreign");
            winners.Add(sequence.Better!.Value);
        }

        // Only an answer to the same prompt is no exchange: that of the battle itself.
        Assert.InRange(winners.Count / (double)sequences.Count, 0.7, 1);
        AssertShare(0.5, winners.Count(w => w == Winner.ModelA), winners.Count);
    }

    [Fact]
    public void WithoutExchanges_TheOutcomeIsTheFiles()
    {
        var batches = Batches(Spec with { ForeignShare = 0, MaskProbability = 0, BattleShare = 1 });
        Assert.All(batches.OfStep(0), sequence =>
        {
            var (prompt, a, b) = Owners(sequence.Packed);
            Assert.Equal((prompt, prompt), (a, b));
            Assert.Equal(Outcome(prompt), sequence.Better);
        });
    }

    [Fact]
    public void PlainText_HasNoOutcome()
    {
        var batches = Batches(Spec with { BattleShare = 0 });
        Assert.All(batches.OfStep(0), sequence => Assert.Null(sequence.Better));
    }

    private static MaskedBatch Batches(PretrainingSpec spec) => new(spec, Corpus(), new BattlePacker(Template, spec.MaxLength), Tokens);

    private static PretrainingCorpus Corpus()
    {
        var random = new SeededRandom(5);
        int[] Words(int from) => [.. Enumerable.Range(0, 5 + random.Next(8)).Select(_ => from + random.Next(Unit))];
        TokenizedBattle Battle(int n) =>
            new(
                FormattableString.Invariant($"{n}"), [Words(n * Unit)], [Words(n * Unit)], [Words(n * Unit)], Outcome(n),
                FormattableString.Invariant($"group{n}"));
        return new PretrainingCorpus(
            [.. Enumerable.Range(0, 10).Select(_ => Words(100))],
            [.. Enumerable.Range(1, 12).Select(Battle)],
            [Words(100)],
            [.. Enumerable.Range(20, 3).Select(Battle)]);
    }

    private static Winner? Outcome(int battle) => battle % 4 == 3 ? null : (Winner)(battle % 4);

    // Whose prompt and answers a sequence has; nothing may be hidden in it.
    private static (int Prompt, int A, int B) Owners(PackedBattle packed)
    {
        var ends = Enumerable.Range(0, packed.Length).Where(i => packed.Ids[i] == Tokens.Sep).ToList();
        Assert.Equal(3, ends.Count);
        return (packed.Ids[1] / Unit, packed.Ids[ends[0] + 1] / Unit, packed.Ids[ends[1] + 1] / Unit);
    }

    private static List<int> Ids(IReadOnlyList<MaskedSequence> sequences) => [.. sequences.SelectMany(s => s.Packed.Ids)];

    private static void AssertShare(double expected, int count, int of)
    {
        var five = 5 * Math.Sqrt(expected * (1 - expected) / of);
        Assert.InRange(count / (double)of, expected - five, expected + five);
    }
}
