using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Options;

namespace LoraArena.Learning.Variants;

/// <summary>
/// Counts what a variant trains, and finds the setting of its size that comes closest to a budget, so that methods can be compared at equal
/// trainable parameters. Where the size is a rank and the method has rank_pattern, the first layers get one rank more until the budget is used up.
/// </summary>
public static class RankSolver
{
    // Above that many settings they are not tried one by one: the count is taken to rise with the size.
    private const int MaxTried = 4096;
    private const int Samples = 16;
    private const string RankPattern = "rank_pattern";

    /// <summary>Trainable numbers of a variant on a model, the head not counted.</summary>
    /// <exception cref="OptionException">The options cannot be read, choose no site, or do not fit one.</exception>
    public static VariantSize Count(LoraVariant variant, JsonObject given, PreferenceModel model)
    {
        var options = variant.ReadOptions(given);
        var chosen = Chosen(variant, model, options);
        return new VariantSize(variant.Info.Id, given, Total(variant, model, options, chosen), chosen.Count, Solved: null, Budget: null);
    }

    /// <summary>The options that come closest to a budget.</summary>
    /// <param name="variant">The variant.</param>
    /// <param name="given">The other options; what they say of the size itself is not looked at.</param>
    /// <param name="model">The model; its shapes are enough.</param>
    /// <param name="budget">Trainable parameters that are wanted, the head not counted.</param>
    /// <exception cref="OptionException">The variant has no size to choose, or none fits the model.</exception>
    public static VariantSize Solve(LoraVariant variant, JsonObject given, PreferenceModel model, long budget)
    {
        var all = OptionSchema.Of(variant.OptionsType);
        var size = all.FirstOrDefault(o => o.Name == variant.Info.SizeOption)
            ?? throw new OptionException($"{variant.Info.Name} has no size that could meet a budget: what it trains follows from the model and target_modules.");
        var chosen = Chosen(variant, model, variant.ReadOptions(Without(given, size.Name)));
        var fills = size.Name == "r" && all.Any(o => o.Name == RankPattern) && given[RankPattern] is null;
        var (least, most) = ((int)size.Minimum!.Value, (int)size.Maximum!.Value);
        var best = Search(least, most);
        if (best is null) throw new OptionException($"No {size.Name} from {least} to {most} fits these layers.");
        return fills ? Fill(best.Parameters > budget && At((int)best.Options[size.Name]! - 1) is { } below ? below : best) : best;

        long Distance(VariantSize candidate) => Math.Abs(candidate.Parameters - budget);

        // Null where the layers do not take that size.
        VariantSize? At(int value) => value < least ? null : Try(With(given, size.Name, value));

        VariantSize? Try(JsonObject options)
        {
            try
            {
                var read = variant.ReadOptions(options);
                return new VariantSize(variant.Info.Id, options, Total(variant, model, read, chosen), chosen.Count, size.Name, budget);
            }
            catch (OptionException)
            {
                return null;
            }
        }

        // By halves where the count is seen to rise with the size; some methods take only some sizes, or train less with more: all are tried then.
        VariantSize? Search(int low, int high)
        {
            if (high - low >= MaxTried) return Bisect(low, high);
            var seen = Enumerable.Range(0, Samples + 1).Select(i => At(low + ((high - low) * i / Samples))).ToList();
            var rises = seen.Zip(seen.Skip(1)).All(pair => pair.First is { } one && pair.Second is { } other && one.Parameters < other.Parameters);
            return rises ? Bisect(low, high) : Enumerable.Range(low, high - low + 1).Select(At).OfType<VariantSize>().MinBy(Distance);
        }

        VariantSize? Bisect(int low, int high)
        {
            while (high - low > 1)
            {
                var middle = low + ((high - low) / 2);
                if (At(middle) is { } candidate && candidate.Parameters <= budget) low = middle;
                else high = middle;
            }

            return new[] { At(low), At(high) }.OfType<VariantSize>().MinBy(Distance);
        }

        VariantSize Fill(VariantSize start)
        {
            var (rank, filled, names) = ((int)start.Options[size.Name]!, start, new List<string>());
            foreach (var site in chosen)
            {
                names.Add(FormattableString.Invariant($"{site.Path}={rank + 1}"));
                if (Try(With(start.Options, RankPattern, string.Join(", ", names))) is not { } more || more.Parameters > budget) break;
                filled = more;
            }

            return Distance(filled) < Distance(best) ? filled : best;
        }
    }

    private static IReadOnlyList<SiteShape> Chosen(LoraVariant variant, PreferenceModel model, VariantOptions options)
        => [.. variant.SitesOf(model, options).Select(site => site.Shape)];

    private static long Total(LoraVariant variant, PreferenceModel model, VariantOptions options, IReadOnlyList<SiteShape> sites)
        => sites.Sum(site => variant.ParametersOf(site, options)) + variant.SharedParametersOf(model, sites, options) + variant.TrainedBaseWeights(model, options).Sum(w => w.Weight.Count);

    private static JsonObject Without(JsonObject options, string name)
        => new(options.Where(p => p.Key != name).Select(p => KeyValuePair.Create(p.Key, p.Value?.DeepClone())));

    private static JsonObject With(JsonObject options, string name, JsonNode value)
    {
        var changed = Without(options, name);
        changed[name] = value;
        return changed;
    }
}
