using System.Text.RegularExpressions;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Options;

namespace LoraArena.Learning.Variants;

/// <summary>Chooses sites by PEFT's rules for <c>target_modules</c>.</summary>
public static partial class TargetModules
{
    private static readonly TimeSpan MatchTimeout = TimeSpan.FromMilliseconds(100);

    /// <summary>The sites that a text chooses: <c>all-linear</c>; names that a path is or ends in; or a regular expression for whole paths.</summary>
    /// <exception cref="OptionException">It chooses none, or the expression is not valid.</exception>
    public static IReadOnlyList<Projection> Select(IReadOnlyList<Projection> sites, string targets)
    {
        var chosen = targets == "all-linear" ? sites
            : PlainNames().IsMatch(targets) ? ByName(sites, targets.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            : ByExpression(sites, targets);
        return chosen.Count > 0 ? chosen : throw new OptionException($"target_modules '{targets}' matches none of the model's linear layers; it has {string.Join(", ", Suffixes(sites))}.");
    }

    /// <summary>The last parts of the sites' paths, with how many sites end in each.</summary>
    public static IReadOnlyDictionary<string, int> CountSuffixes(IReadOnlyList<Projection> sites) => sites.GroupBy(Suffix, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Count(), StringComparer.Ordinal);

    private static List<Projection> ByName(IReadOnlyList<Projection> sites, string[] names)
    {
        foreach (var name in names)
        {
            if (!sites.Any(site => Ends(site, name))) throw new OptionException($"target_modules names '{name}', but no linear layer's path ends in it; the model has {string.Join(", ", Suffixes(sites))}.");
        }

        return [.. sites.Where(site => names.Any(name => Ends(site, name)))];
    }

    private static List<Projection> ByExpression(IReadOnlyList<Projection> sites, string expression)
    {
        try
        {
            var regex = new Regex($"^(?:{expression})$", RegexOptions.CultureInvariant, MatchTimeout);
            return [.. sites.Where(site => regex.IsMatch(site.Path))];
        }
        catch (ArgumentException error)
        {
            throw new OptionException($"target_modules '{expression}' is not a valid regular expression: {error.Message}");
        }
        catch (RegexMatchTimeoutException)
        {
            throw new OptionException($"target_modules '{expression}' takes too long to match; use a simpler expression or a list of names.");
        }
    }

    private static bool Ends(Projection site, string name) => site.Path == name || site.Path.EndsWith("." + name, StringComparison.Ordinal);

    private static string Suffix(Projection site) => site.Path.Split('.') is [.., var before, "dense"] ? before + ".dense" : site.Path.Split('.')[^1];

    private static IEnumerable<string> Suffixes(IReadOnlyList<Projection> sites) => sites.Select(Suffix).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);

    [GeneratedRegex(@"^[A-Za-z0-9_., -]+$")]
    private static partial Regex PlainNames();
}
