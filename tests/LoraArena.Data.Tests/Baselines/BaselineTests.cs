using System.Text.Json;
using LoraArena.Core.Battles;
using LoraArena.Core.Metrics;
using LoraArena.Data.Baselines;
using LoraArena.Data.Splits;
using LoraArena.Starter;

namespace LoraArena.Data.Tests.Baselines;

public sealed class BaselineTests
{
    [Fact]
    public void Length_GivesTheProbabilitiesOfScikitLearn()
    {
        using var expected = JsonDocument.Parse(File.ReadAllBytes(Path.Join(AppContext.BaseDirectory, "Fixtures", "length_baseline.json")));
        var train = expected.RootElement.GetProperty("train")
            .EnumerateArray()
            .Select((row, i) => OfLengths($"{i}", row[0].GetInt32(), row[1].GetInt32(), (Winner)row[2].GetInt32()))
            .ToList();
        var predict = new LengthBaseline().Fit(train);
        var probes = expected.RootElement.GetProperty("probes").EnumerateArray().Zip(expected.RootElement.GetProperty("probabilities").EnumerateArray());
        foreach (var (lengths, wanted) in probes)
        {
            var p = predict(OfLengths("x", lengths[0].GetInt32(), lengths[1].GetInt32(), null));
            Assert.Equal(wanted[0].GetDouble(), p.A, 1e-7);
            Assert.Equal(wanted[1].GetDouble(), p.B, 1e-7);
            Assert.Equal(wanted[2].GetDouble(), p.Tie, 1e-7);
        }
    }

    [Fact]
    public void Length_ExchangesProbabilitiesExactlyWhenAnswersAreExchanged()
    {
        var train = StarterGenerator.Train(5, 300).Select(row => row.Battle).ToList();
        var predict = new LengthBaseline().Fit(train);
        Assert.All(train, battle => Assert.Equal(
            predict(battle).Swapped(), predict(battle with { ResponsesA = battle.ResponsesB, ResponsesB = battle.ResponsesA })));
    }

    [Fact]
    public void Length_SumsTheCharactersOfAllTurnsAndCountsMissingOnesAsNone()
    {
        var predict = new LengthBaseline().Fit(StarterGenerator.Train(5, 100).Select(row => row.Battle));
        var several = new Battle("x", null, null, ["p", "q"], ["aaa", null], ["", "bbbbb"], null);
        Assert.Equal(predict(OfLengths("x", 3, 5, null)), predict(several));
    }

    [Fact]
    public void Length_StaysFiniteWhenOneOutcomeNeverHappensAndLengthDecidesAll()
    {
        var train = Enumerable.Range(0, 50).Select(i => OfLengths($"{i}", 1000, 10, Winner.ModelA)).ToList();
        var p = new LengthBaseline().Fit(train)(OfLengths("x", 100_000, 0, null));
        Assert.True(p.A > 0.9 && double.IsFinite(LogLoss.OfRow(p, Winner.Tie)), $"{p}");
    }

    [Fact]
    public void ClassPrior_GivesTheSharesOfTheTrainingRowsWithOneMoreOfEach()
    {
        var p = new ClassPriorBaseline().Fit((Battle[])[Some.Battle("1"), Some.Battle("2"), Some.Battle("3", winner: Winner.Tie)])(Some.Battle("4"));
        Assert.Equal(new Probabilities(3.0 / 6, 1.0 / 6, 2.0 / 6), p);
    }

    [Fact]
    public void Uniform_HasTheLogLossOfThreeEqualOutcomes()
        => Assert.Equal(Math.Log(3), LogLoss.OfRow(new UniformBaseline().Fit(Array.Empty<Battle>())(Some.Battle("1")), Winner.Tie), 1e-12);

    [Fact]
    public void Catalog_NamesEachBaselineOnceInAFormThatSuitsFileNames()
    {
        Assert.Equal(BaselineCatalog.All.Count, BaselineCatalog.All.Select(b => b.Id).Distinct().Count());
        Assert.All(BaselineCatalog.All, b => Assert.Matches("^[a-z0-9-]+$", b.Id));
    }

    [Fact]
    public void OnTheStarter_LengthBeatsThePriorByALittleAndThePriorBeatsUniform()
    {
        var battles = StarterGenerator.Train(1, 2000).Select(row => row.Battle).ToList();
        var byId = battles.ToDictionary(b => b.Id);
        var (train, validation) = GroupedStratified.HoldOut(battles).Assign(null);
        double Loss(Baseline baseline)
        {
            var predict = baseline.Fit(train.Select(id => byId[id]));
            return validation.Average(id => LogLoss.OfRow(predict(byId[id]), byId[id].Winner!.Value));
        }

        var (uniform, prior, length) = (Loss(new UniformBaseline()), Loss(new ClassPriorBaseline()), Loss(new LengthBaseline()));
        Assert.True(length < prior - 0.002 && prior < uniform, $"length {length}, prior {prior}, uniform {uniform}");
        Assert.InRange(prior, 1.05, 1.09);
        TestContext.Current.SendDiagnosticMessage($"starter hold-out: uniform {uniform:0.0000}, prior {prior:0.0000}, length {length:0.0000}");
    }

    private static Battle OfLengths(string id, int a, int b, Winner? winner) => Some.Battle(id, "p", new string('x', a), new string('y', b), winner);
}
