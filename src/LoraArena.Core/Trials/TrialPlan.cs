using System.Text.Json;
using System.Text.Json.Nodes;
using LoraArena.Core.Json;

namespace LoraArena.Core.Trials;

/// <summary>
/// A trial as somebody plans it: which methods are compared, on what, with which budget. All get the same rows in the same order, the same
/// number of tries at the learning rate, and one budget.
/// </summary>
/// <param name="Name">What to call it.</param>
/// <param name="Competition">Name or id of the competition.</param>
/// <param name="Model">Name or id of the base model.</param>
/// <param name="Methods">What is compared.</param>
/// <param name="Budget">What all may use alike.</param>
public sealed record TrialPlan(string Name, string Competition, string Model, IReadOnlyList<TrialMethod> Methods, TrialBudget Budget)
{
    /// <summary>Methods that a trial may have.</summary>
    public const int MaxMethods = 45;

    /// <summary>Runs that a trial may have, the tries among them.</summary>
    public const int MaxRuns = 2000;

    /// <summary>Seeds of each method.</summary>
    public IReadOnlyList<long> Seeds { get; init; } = [0, 1, 2];

    /// <summary>Id of the split; null is the competition's hold-out. A split with folds is trained and reported on all of them.</summary>
    public string? Split { get; init; }

    /// <summary>
    /// Learning rates that each method tries, on a part of its training rows that is not reported; the best of a method is used for its
    /// reported runs. Empty: no tries, the learning rate of <see cref="Training"/> for all.
    /// </summary>
    public IReadOnlyList<double> LearningRates { get; init; } = [];

    /// <summary>Training options that all share, by the names in spec.json.</summary>
    public JsonObject Training { get; init; } = [];

    /// <summary>Reads a plan.</summary>
    /// <param name="json">The text of the file.</param>
    /// <param name="file">Its name, for messages.</param>
    /// <exception cref="TrialException">It is not a plan; the message says where and what is wrong.</exception>
    public static TrialPlan Parse(string json, string file)
    {
        try
        {
            var known = new HashSet<string>(StringComparer.Ordinal)
            {
                "name", "competition", "model", "methods", "budget", "seeds", "split", "learning_rates", "training",
            };
            var node = JsonNode.Parse(
                json,
                documentOptions: new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true }) as JsonObject
                ?? throw new TrialException($"{file}: a plan is a JSON object.");
            if (node.Select(p => p.Key).FirstOrDefault(k => !known.Contains(k)) is { } unknown)
            {
                throw new TrialException($"{file}: there is no field '{unknown}'; a plan has {string.Join(", ", known)}.");
            }

            var plan = node.Deserialize<TrialPlan>(ArenaJson.Line) ?? throw new TrialException($"{file}: a plan is a JSON object.");
            plan.Check();
            return plan;
        }
        catch (JsonException error)
        {
            throw new TrialException($"{file}: {error.Message}");
        }
    }

    internal static void CheckRates(IReadOnlyList<double> rates, string where)
    {
        if (rates.Any(l => !(l > 0 && l <= 10)) || rates.Distinct().Count() != rates.Count)
        {
            throw new TrialException($"{where}: numbers above 0 and up to 10, all different.");
        }
    }

    /// <summary>Checks what can be checked without the arena.</summary>
    /// <exception cref="TrialException">Something cannot be; the message says what.</exception>
    public void Check()
    {
        if (string.IsNullOrWhiteSpace(Name) || Name.Length > 100 || Name.Any(char.IsControl))
        {
            throw new TrialException("name: a trial needs a name of 1 to 100 visible characters.");
        }

        if (Methods.Count is < 1 or > MaxMethods)
        {
            throw new TrialException(FormattableString.Invariant($"methods: a trial compares 1 to {MaxMethods} methods, not {Methods.Count}."));
        }

        if (Methods.Any(method => method is null)) throw new TrialException("methods: null is no method; each is an object such as {\"variant\": \"lora\"}.");
        if (Seeds.Count == 0 || Seeds.Distinct().Count() != Seeds.Count || Seeds.Any(s => s is < 0 or > 1_000_000_000_000))
        {
            throw new TrialException("seeds: at least one, all different, from 0 to 1000000000000.");
        }

        CheckRates(LearningRates, "learning_rates");
        if (LearningRates.Count == 1) throw new TrialException("learning_rates: one is no choice; give several, or none and 'learning_rate' under training.");
        if (LearningRates.Count > 0 && Training.ContainsKey("learning_rate"))
        {
            throw new TrialException("training: 'learning_rate' is tried out (learning_rates), so it cannot be fixed as well.");
        }

        foreach (var fixedElsewhere in new[] { "seed", "max_seconds", "max_tokens" }.Where(Training.ContainsKey))
        {
            throw new TrialException($"training: '{fixedElsewhere}' is set by seeds and budget.");
        }

        Budget.Check();
        foreach (var method in Methods) method.Check(this);
    }
}

/// <summary>A method of a trial.</summary>
/// <param name="Variant">Id of the variant.</param>
public sealed record TrialMethod(string Variant)
{
    /// <summary>Options of the variant; those that the budget solves for are overwritten.</summary>
    public JsonObject Options { get; init; } = [];

    /// <summary>What to call it; null takes the variant's name and the options given.</summary>
    public string? Name { get; init; }

    /// <summary>
    /// True trains it with the size that it has, beside methods that meet a budget of parameters: full fine-tuning has no setting that would. What it
    /// trains is said wherever it is compared.
    /// </summary>
    public bool OutsideBudget { get; init; }

    /// <summary>The learning rates that it tries in place of the plan's: as many of them. Null tries the plan's.</summary>
    public IReadOnlyList<double>? LearningRates { get; init; }

    internal void Check(TrialPlan plan)
    {
        if (OutsideBudget && plan.Budget.Parameters is null)
        {
            throw new TrialException($"methods: '{Variant}' has 'outside_budget', which belongs to a budget of parameters.");
        }

        if (LearningRates is not { } rates) return;
        TrialPlan.CheckRates(rates, $"methods: '{Variant}': learning_rates");
        if (rates.Count != plan.LearningRates.Count)
        {
            throw new TrialException(FormattableString.Invariant($"methods: '{Variant}' tries {rates.Count} learning rates and the plan {plan.LearningRates.Count}; all methods get the same number of tries."));
        }
    }
}

/// <summary>What each method of a trial may use: exactly one of the three.</summary>
public sealed record TrialBudget
{
    /// <summary>Trainable parameters, the head not counted: the setting of each method that comes closest.</summary>
    public long? Parameters { get; init; }

    /// <summary>Seconds of training.</summary>
    public double? Seconds { get; init; }

    /// <summary>Real tokens of training.</summary>
    public long? Tokens { get; init; }

    /// <summary>The budget in words.</summary>
    public override string ToString()
        => Parameters is { } p
            ? FormattableString.Invariant($"{p:#,0} trainable parameters each")
            : Seconds is { } s ? FormattableString.Invariant($"{s:0.#} seconds of training each")
            : FormattableString.Invariant($"{Tokens:#,0} tokens each");

    internal void Check()
    {
        if (new object?[] { Parameters, Seconds, Tokens }.Count(b => b is not null) != 1)
        {
            throw new TrialException("budget: give exactly one of parameters, seconds and tokens.");
        }

        if (Parameters < 1 || Seconds < 1 || Tokens < 1) throw new TrialException("budget: at least 1.");
    }
}

/// <summary>A plan or trial that cannot be followed; the message says why.</summary>
public sealed class TrialException(string message) : Exception(message);
