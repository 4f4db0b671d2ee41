using CsCheck;
using LoraArena.Learning.Packing;

namespace LoraArena.Learning.Tests.Packing;

public sealed class EpochPlanTests
{
    private static readonly Gen<int[]> Lengths = Gen.Int[1, 400].Array[1, 700];

    [Fact]
    public void EveryRow_IsInAnEpochExactlyOnce()
        => Gen.Select(Lengths, Gen.Int[1, 33], Gen.Long[0, 1000], Gen.Long[0, 20]).Sample((lengths, batchSize, seed, epoch) =>
        {
            var batches = EpochPlan.Batches(lengths, batchSize, seed, epoch);
            Assert.Equal(EpochPlan.Steps(lengths.Length, batchSize), batches.Count);
            Assert.Equal(Enumerable.Range(0, lengths.Length), batches.SelectMany(b => b).Order());
            Assert.All(batches, b => Assert.InRange(b.Length, 1, batchSize));

            // Only one batch may be short: the last of the last window.
            Assert.InRange(batches.Count(b => b.Length < batchSize), 0, 1);
        }, iter: 300);

    [Fact]
    public void AnEpoch_IsAFunctionOfSeedAndEpoch()
    {
        int[] lengths = [.. Enumerable.Range(0, 300).Select(i => 20 + (i * 7919 % 180))];
        string Plan(long seed, long epoch) => string.Join('|', EpochPlan.Batches(lengths, 8, seed, epoch).Select(b => string.Join(',', b)));
        Assert.Equal(Plan(1, 0), Plan(1, 0));
        Assert.NotEqual(Plan(1, 0), Plan(1, 1));
        Assert.NotEqual(Plan(1, 0), Plan(2, 0));
    }

    [Fact]
    public void Batches_HoldRowsOfLikeLength()
    {
        // The mean spread inside a batch, against that of batches as the shuffle alone would make them.
        int[] lengths = [.. Enumerable.Range(0, 2000).Select(i => 20 + (i * 7919 % 380))];
        double Spread(IEnumerable<int[]> batches) => batches.Average(b => b.Max(r => lengths[r]) - b.Min(r => lengths[r]));
        var planned = Spread(EpochPlan.Batches(lengths, 8, 1, 0));
        var shuffled = Spread(EpochPlan.Batches([.. lengths.Select(_ => 1)], 8, 1, 0));
        Assert.True(planned < shuffled / 8, $"{planned:0.0} against {shuffled:0.0}");
    }

    [Fact]
    public void BatchesDoNotComeInOrderOfLength()
    {
        int[] lengths = [.. Enumerable.Range(0, 800).Select(i => 20 + (i * 7919 % 380))];
        var means = EpochPlan.Batches(lengths, 8, 1, 0).Select(b => b.Average(r => lengths[r])).ToList();
        var rises = means.Zip(means.Skip(1), (x, y) => y > x).Count(rise => rise);
        Assert.InRange(rises, 35, 65);
    }

    [Fact]
    public void HalfOfTheRowsSwap_AnotherHalfEachEpoch()
    {
        bool[] Swapped(long epoch) => [.. Enumerable.Range(0, 10_000).Select(row => EpochPlan.Swaps(5, epoch, row))];
        var (first, second) = (Swapped(0), Swapped(1));
        Assert.Equal(first, Swapped(0));

        // Five deviations of a fair coin.
        Assert.InRange(first.Count(s => s), 4750, 5250);
        Assert.InRange(first.Zip(second).Count(s => s.First != s.Second), 4750, 5250);
    }

    [Fact]
    public void MicroBatches_HoldEveryRowOnce_WithinTheBudget_LongestFirst()
        => Gen.Select(Lengths, Gen.Int[32, 3000]).Sample((lengths, budget) =>
        {
            var rows = lengths.Select((n, i) => (Row: i, Length: n)).ToList();
            var micro = EpochPlan.MicroBatches(rows, r => r.Length, budget).ToList();
            Assert.Equal(Enumerable.Range(0, rows.Count), micro.SelectMany(m => m).Select(r => r.Row).Order());
            Assert.All(micro, m => Assert.True(m.Length == 1 || m.Length * m.Max(r => r.Length) <= budget));
            var order = micro.SelectMany(m => m).Select(r => r.Length).ToList();
            Assert.Equal(order.OrderDescending(), order);

            // No micro-batch is begun before the one before it is full.
            Assert.All(micro.Zip(micro.Skip(1)), pair => Assert.True((pair.First.Length + 1) * pair.First.Max(r => r.Length) > budget));
        }, iter: 300);

    [Fact]
    public void ABatchWithoutRows_HasNoMicroBatch() => Assert.Empty(EpochPlan.MicroBatches(Array.Empty<int>(), n => n, 100));
}
