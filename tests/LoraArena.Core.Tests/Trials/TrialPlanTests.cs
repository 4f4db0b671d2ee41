using LoraArena.Core.Competitions;
using LoraArena.Core.Statistics;
using LoraArena.Core.Trials;
using LoraArena.Tests.Boards;

namespace LoraArena.Core.Tests.Trials;

public sealed class TrialPlanTests
{
    private const string Whole = """{"name":"T","competition":"C","model":"M","methods":[{"variant":"lora"},{"variant":"dora","options":{"r":4},"name":"small DoRA"}],"budget":{"parameters":1000},"seeds":[0,1],"learning_rates":[0.001,0.0005]}""";

    [Fact]
    public void APlan_ReadsAsItStands()
    {
        var plan = TrialPlan.Parse(Whole, "plan.json");
        Assert.Equal(["lora", "dora"], plan.Methods.Select(m => m.Variant));
        Assert.Equal(("small DoRA", "4"), (plan.Methods[1].Name, plan.Methods[1].Options["r"]!.ToJsonString()));
        Assert.Equal((1000L, 2, 2), (plan.Budget.Parameters, plan.Seeds.Count, plan.LearningRates.Count));
    }

    [Theory]
    [InlineData("""{"name":"T"}""", "competition")]
    [InlineData("""["x"]""", "JSON object")]
    [InlineData("""{"naem":"T"}""", "no field 'naem'")]
    [InlineData("""{"name":"T","competition":"C","model":"M","methods":[null],"budget":{"tokens":5}}""", "methods: null is no method")]
    [InlineData("""{"name":"T","competition":"C","model":"M","methods":[],"budget":{"tokens":5}}""", "methods: a trial compares 1 to 45")]
    [InlineData("""{"name":"T","competition":"C","model":"M","methods":[{"variant":"lora"}],"budget":{"tokens":5,"seconds":9}}""", "budget: give exactly one")]
    [InlineData("""{"name":"T","competition":"C","model":"M","methods":[{"variant":"lora"}],"budget":{}}""", "budget: give exactly one")]
    [InlineData("""{"name":"T","competition":"C","model":"M","methods":[{"variant":"lora"}],"budget":{"tokens":5},"seeds":[1,1]}""", "seeds")]
    [InlineData("""{"name":"T","competition":"C","model":"M","methods":[{"variant":"lora"}],"budget":{"tokens":5},"learning_rates":[0.1]}""", "one is no choice")]
    [InlineData("""{"name":"T","competition":"C","model":"M","methods":[{"variant":"lora"}],"budget":{"tokens":5},"training":{"seed":1}}""", "'seed' is set by seeds and budget")]
    [InlineData("""{"name":"T","competition":"C","model":"M","methods":[{"variant":"full","outside_budget":true}],"budget":{"tokens":5}}""", "'outside_budget', which belongs to a budget of parameters")]
    [InlineData("""{"name":"T","competition":"C","model":"M","methods":[{"variant":"full","learning_rates":[0.1]}],"budget":{"tokens":5},"learning_rates":[0.1,0.2]}""", "'full' tries 1 learning rates and the plan 2")]
    [InlineData("""{"name":"T","competition":"C","model":"M","methods":[{"variant":"full","learning_rates":[0.1,0.1]}],"budget":{"tokens":5},"learning_rates":[0.1,0.2]}""", "'full': learning_rates: numbers above 0")]
    [InlineData("""{"name":"T",""", "plan.json")]
    public void APlanThatCannotBeFollowed_SaysWhy(string json, string reason)
        => Assert.Contains(reason, Assert.Throws<TrialException>(() => TrialPlan.Parse(json, "plan.json")).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(new long[] { 0, 1 }, 1000)]
    [InlineData(new long[] { 0, 1000, 2000 }, 3000)]
    [InlineData(new long[] { 0, 2000 }, 1000)]
    public void TheNullLine_SharesNoSeedWithItsTwin(long[] seeds, long offset) => Assert.Equal(offset, TrialPlanner.NullSeedOffset(seeds));

    [Fact]
    public void EveryMethod_GetsTheSameTriesAndSeeds_AndTheNullLineOtherSeeds()
    {
        var plan = TrialPlan.Parse(Whole, "plan.json");
        var methods = TrialPlanner.WithNullLine([new ResolvedMethod("DoRA", "dora", [], 1, false), new ResolvedMethod("LoRA", "lora", [], 1, false)]);
        Assert.Equal(("LoRA (other seeds)", true), (methods[2].Name, methods[2].IsNullLine));
        Assert.Equal(1, TrialPlanner.TwinOf(methods, 2));

        var runs = TrialPlanner.Runs(plan, methods, parts: 2, TimeProvider.System);
        var (tries, reported) = (runs.Where(r => r.IsTuning).ToList(), runs.Where(r => !r.IsTuning).ToList());

        // 2 methods × 2 rates × 2 folds; 3 methods × 2 seeds × 2 folds.
        Assert.Equal((8, 12), (tries.Count, reported.Count));
        Assert.All(tries.GroupBy(r => (r.Method, r.Part)), g => Assert.Equal(plan.LearningRates.Order(), g.Select(r => r.LearningRate!.Value).Order()));
        Assert.All(tries, r => Assert.False(methods[r.Method].IsNullLine));
        Assert.All(
            reported.GroupBy(r => (r.Method, r.Part)),
            g => Assert.Equal(methods[g.Key.Method].IsNullLine ? [1000L, 1001L] : [0L, 1L], g.Select(r => r.Seed).Order()));
        Assert.Equal(runs.Count, runs.Select(r => r.Run).Distinct().Count());

        // All methods advance alike: a seed is begun when the one before is planned for all.
        Assert.Equal(reported.Select(r => r.Seed % 1000).Order(), reported.Select(r => r.Seed % 1000));
    }

    [Fact]
    public void AMethodWithRatesOfItsOwn_TriesThose_AndAsMany()
    {
        var plan = TrialPlan.Parse(Whole, "plan.json");
        var runs = TrialPlanner.Runs(
            plan,
            [new ResolvedMethod("LoRA", "lora", [], 1, false), new ResolvedMethod("Full", "full", [], 9, false) { LearningRates = [0.0001, 0.00005] }],
            parts: 1, TimeProvider.System);
        Assert.Equal([0.001, 0.0005], runs.Where(r => r.IsTuning && r.Method == 0).Select(r => r.LearningRate!.Value));
        Assert.Equal([0.0001, 0.00005], runs.Where(r => r.IsTuning && r.Method == 1).Select(r => r.LearningRate!.Value));
    }

    // Rows show their spread in pairs of methods only: what one method alone would promise is far too small.
    [Fact]
    public void OneMethodWithSeveralSeeds_LeavesTheSpreadsAssumed_AndTwoDoNot()
    {
        BoardRun[] one = [BoardCase.Run("a", "lora", 0), BoardCase.Run("b", "lora", 0, seed: 1), BoardCase.Run("c", "dora", 0)];
        Assert.True(TrialForecast.Of(BoardCase.Build(new BoardQuery(), one)).IsAssumed);
        Assert.False(TrialForecast.Of(BoardCase.Build(new BoardQuery(), [.. one, BoardCase.Run("d", "dora", 0, seed: 1)])).IsAssumed);
    }

    [Fact]
    public void MoreSeeds_ShowSmallerDifferences_AndTheSentenceSaysHowMany()
    {
        var forecast = new TrialForecast(new Power(0.02, 0.002, 5000), false);
        Assert.True(forecast.Power.Detectable(11) < forecast.Power.Detectable(3) / 1.9);
        Assert.Equal(3, forecast.Power.SeedsFor(forecast.Power.Detectable(3) * 1.0001));
        Assert.Matches(
            @"^With these 5,000 rows and 3 seeds you will see a difference of 0\.00\d in 80 of 100 cases \(1 comparison\); for 0\.00\d you need \d+ seeds\.$",
            forecast.Sentence(3, 1));
    }
}
