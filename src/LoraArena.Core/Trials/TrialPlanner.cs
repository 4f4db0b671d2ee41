using LoraArena.Core.Files;

namespace LoraArena.Core.Trials;

/// <summary>Lays out the runs of a trial.</summary>
public static class TrialPlanner
{
    private const long NullSeedStep = 1000;

    /// <summary>What the null line's seeds are above its twin's: the least of 1000, 2000, … with which none of them is among the plan's own.</summary>
    public static long NullSeedOffset(IReadOnlyList<long> seeds)
    {
        var offset = NullSeedStep;
        while (seeds.Any(seed => seeds.Contains(seed + offset))) offset += NullSeedStep;
        return offset;
    }

    /// <summary>The methods with the null line behind them: plain LoRA with other seeds, or, where it is not compared, the first method.</summary>
    public static IReadOnlyList<ResolvedMethod> WithNullLine(IReadOnlyList<ResolvedMethod> methods)
    {
        var twin = methods.FirstOrDefault(m => m.Variant == "lora") ?? methods[0];
        return [.. methods, twin with { Name = twin.Name + ResolvedMethod.OtherSeeds, IsNullLine = true }];
    }

    /// <summary>Number of the method that a null line is the same as; a method's own number for all others.</summary>
    public static int TwinOf(IReadOnlyList<ResolvedMethod> methods, int method)
        => methods[method].IsNullLine ? methods.Index().First(m => !m.Item.IsNullLine && methods[method].Name == m.Item.Name + ResolvedMethod.OtherSeeds).Index : method;

    /// <summary>
    /// Every run: first all tries (each method, learning rate and part, with the first seed), then the reported ones, seed by seed, so that all
    /// methods advance alike and an interrupted trial is still a comparison.
    /// </summary>
    /// <param name="plan">The plan.</param>
    /// <param name="methods">Its methods, the null line among them.</param>
    /// <param name="parts">Its parts.</param>
    /// <param name="time">The clock of ids.</param>
    /// <exception cref="TrialException">There would be too many.</exception>
    public static IReadOnlyList<PlannedRun> Runs(TrialPlan plan, IReadOnlyList<ResolvedMethod> methods, int parts, TimeProvider time)
    {
        var own = Enumerable.Range(0, methods.Count).Where(m => !methods[m].IsNullLine).ToList();
        var tries = (from part in Enumerable.Range(0, parts)
                     from rate in Enumerable.Range(0, plan.LearningRates.Count)
                     from method in own
                     select new PlannedRun(
                         ArenaId.New(time), method, part, plan.Seeds[0],
                         (methods[method].LearningRates ?? plan.LearningRates)[rate])).ToList();
        var offset = NullSeedOffset(plan.Seeds);
        var reported = (from seed in plan.Seeds
                        from part in Enumerable.Range(0, parts)
                        from method in Enumerable.Range(0, methods.Count)
                        select new PlannedRun(ArenaId.New(time), method, part, methods[method].IsNullLine ? seed + offset : seed, null)).ToList();
        if (tries.Count + reported.Count > TrialPlan.MaxRuns)
        {
            throw new TrialException(FormattableString.Invariant($"The plan has {tries.Count + reported.Count} runs; {TrialPlan.MaxRuns} are allowed."));
        }

        return [.. tries, .. reported];
    }
}
