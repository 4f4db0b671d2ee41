using System.Globalization;
using System.Text.RegularExpressions;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Options;

namespace LoraArena.Learning.Variants;

/// <summary>Chooses sites by PEFT's rules for <c>target_modules</c>.</summary>
public static partial class TargetModules
{
    internal const string AllLinear = "all-linear";

    /// <summary>The sites that a variant's options choose: target_modules without exclude_modules, in layers_to_transform.</summary>
    /// <exception cref="OptionException">They choose none, or an expression is not valid.</exception>
    public static IReadOnlyList<Projection> Select(IReadOnlyList<Projection> sites, VariantOptions options)
    {
        var chosen = Select(sites, options.TargetModules);
        if (options.ExcludeModules is { } excluded)
        {
            // Names that no layer has exclude nothing: so it is in PEFT.
            var excludedSites = Matching(sites, excluded).ToHashSet();
            chosen = [.. chosen.Where(site => !excludedSites.Contains(site))];
        }

        // A layer that is named by its whole path is meant, whatever its number: so it is in PEFT.
        if (LayerNumbers(options.LayersToTransform) is { } numbers)
        {
            chosen = [.. chosen.Where(site => (LayerOf(site.Path) is { } number && numbers.Contains(number))
                || Names(options.TargetModules).Contains(site.Path))];
        }

        // What is trained whole carries no adapter.
        if (BaseTraining.Names(options.ModulesToSave) is { Count: > 0 } whole) chosen = [.. chosen.Where(site => !BaseTraining.IsIn(site.Path, whole))];
        return chosen.Count > 0 ? chosen : throw new OptionException($"target_modules '{options.TargetModules}' with exclude_modules '{options.ExcludeModules}' and layers_to_transform '{options.LayersToTransform}' leaves no linear layer to adapt.");
    }

    /// <summary>The numbers that layers_to_transform lists; null for all layers.</summary>
    /// <exception cref="OptionException">It is not a list of whole numbers.</exception>
    public static IReadOnlySet<int>? LayerNumbers(string? list)
    {
        if (list is null) return null;
        var parts = list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return parts.Length > 0 && parts.All(p => int.TryParse(p, NumberStyles.None, CultureInfo.InvariantCulture, out _))
            ? parts.Select(p => int.Parse(p, CultureInfo.InvariantCulture)).ToHashSet()
            : throw new OptionException($"layers_to_transform '{list}' is not a list of layer numbers such as 0,1,5.");
    }

    /// <summary>The number of the transformer's layer that a path lies in: its first part that is a number.</summary>
    private static int? LayerOf(string path)
        => path.Split('.').Where(part => part.All(char.IsAsciiDigit)).Select(part => (int?)int.Parse(part, CultureInfo.InvariantCulture)).FirstOrDefault();

    /// <summary>The sites that a text chooses: <c>all-linear</c>; names that a path is or ends in; or a regular expression for whole paths.</summary>
    /// <exception cref="OptionException">It chooses none, or the expression is not valid.</exception>
    public static IReadOnlyList<Projection> Select(IReadOnlyList<Projection> sites, string targets)
    {
        foreach (var name in PlainNames().IsMatch(targets) && targets != AllLinear ? Names(targets) : [])
        {
            if (!sites.Any(site => Ends(site.Path, name)))
            {
                throw new OptionException($"target_modules names '{name}', but no linear layer's path ends in it; the model has {string.Join(", ", Suffixes(sites))}.");
            }
        }

        var chosen = Matching(sites, targets);
        return chosen.Count > 0
            ? chosen
            : throw new OptionException($"target_modules '{targets}' matches none of the model's linear layers; it has {string.Join(", ", Suffixes(sites))}.");
    }

    /// <summary>True if a text chooses a path; names that no path ends in are allowed here.</summary>
    /// <exception cref="OptionException">The expression is not valid.</exception>
    public static bool Matches(SiteShape site, string targets)
    {
        if (targets == AllLinear) return true;
        return PlainNames().IsMatch(targets) ? Names(targets).Any(name => Ends(site.Path, name)) : ByExpression([site.Path], targets).Count > 0;
    }

    /// <summary>The last parts of the sites' paths, with how many sites end in each.</summary>
    public static IReadOnlyDictionary<string, int> CountSuffixes(IReadOnlyList<Projection> sites)
        => sites.GroupBy(Suffix, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Count(), StringComparer.Ordinal);

    private static IReadOnlyList<Projection> Matching(IReadOnlyList<Projection> sites, string targets)
    {
        if (targets == AllLinear) return sites;
        if (!PlainNames().IsMatch(targets))
        {
            var matched = ByExpression([.. sites.Select(site => site.Path)], targets);
            return [.. sites.Where(site => matched.Contains(site.Path))];
        }

        var names = Names(targets);
        return [.. sites.Where(site => names.Any(name => Ends(site.Path, name)))];
    }

    private static HashSet<string> ByExpression(IReadOnlyList<string> paths, string expression)
    {
        var pattern = new PathPattern("target_modules", expression, $"^(?:{expression})$");
        return [.. paths.Where(pattern.IsMatch)];
    }

    private static string[] Names(string targets) => targets.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static bool Ends(string path, string name) => path == name || path.EndsWith("." + name, StringComparison.Ordinal);

    private static string Suffix(Projection site) => site.Path.Split('.') is [.., var before, "dense"] ? before + ".dense" : site.Path.Split('.')[^1];

    private static IEnumerable<string> Suffixes(IReadOnlyList<Projection> sites)
        => sites.Select(Suffix).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);

    [GeneratedRegex(@"^[A-Za-z0-9_., -]+$")]
    private static partial Regex PlainNames();
}
