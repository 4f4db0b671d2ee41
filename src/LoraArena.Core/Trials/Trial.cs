using System.Text.Json.Nodes;
using LoraArena.Core.Competitions;
using LoraArena.Core.Runs;

namespace LoraArena.Core.Trials;

/// <summary>
/// A trial: the file trial.json of its folder, written once. Every run of it is in here with its id before the first is started, so none can be
/// forgotten; how far each is, its own folder says.
/// <code>
/// trial.json      the plan, the settings that the budget led to, every planned run
/// chosen.json     the learning rate of each method, once all tries have ended
/// cancelled.json  nothing more is started
/// deleted/        an empty file for each run that was deleted: it is not started again
/// </code>
/// </summary>
/// <param name="Id">Folder name.</param>
/// <param name="Created">When it was made.</param>
/// <param name="Owner">Account that made it.</param>
/// <param name="Plan">What was asked for.</param>
/// <param name="Competition">The competition.</param>
/// <param name="ModelId">Id of the base model's card.</param>
/// <param name="Methods">The methods as they are trained, the null line among them.</param>
/// <param name="Parts">The rows: one part, or one a fold.</param>
/// <param name="Runs">Every run, in the order in which they are started.</param>
public sealed record Trial(
    string Id, DateTimeOffset Created, string Owner, TrialPlan Plan, CompetitionReference Competition, string ModelId,
    IReadOnlyList<ResolvedMethod> Methods, IReadOnlyList<TrialPart> Parts, IReadOnlyList<PlannedRun> Runs)
{
    /// <summary>The files that it was made on: nothing more is started once the competition has others. Null in trials from before this was kept.</summary>
    public DataReference? Data { get; init; }

    /// <summary>Name of the file of a trial's folder.</summary>
    public const string FileName = "trial.json";

    /// <summary>Name of the file with the learning rates.</summary>
    public const string ChosenName = "chosen.json";

    /// <summary>Name of the file that ends it.</summary>
    public const string CancelledName = "cancelled.json";

    /// <summary>Name of the folder that tells which runs were deleted.</summary>
    public const string DeletedName = "deleted";

    /// <summary>True below three seeds: what is said of the methods may not last.</summary>
    public bool IsProvisional => Plan.Seeds.Count < BoardRow.SureSeeds;

    /// <summary>Comparisons of its board with the reference.</summary>
    public int Comparisons => Math.Max(1, Methods.Count - 1);
}

/// <summary>A method as a trial trains it.</summary>
/// <param name="Name">What the trial calls it.</param>
/// <param name="Variant">Id of the variant.</param>
/// <param name="Options">Its options, with what the budget led to.</param>
/// <param name="Parameters">Trainable parameters, the head not counted; null where they were not counted.</param>
/// <param name="IsNullLine">True for the method that is the same as another and has other seeds: what it differs by is chance.</param>
public sealed record ResolvedMethod(string Name, string Variant, JsonObject Options, long? Parameters, bool IsNullLine)
{
    /// <summary>End of a null line's name.</summary>
    public const string OtherSeeds = " (other seeds)";

    /// <summary>True where it trains what it trains, whatever the budget is.</summary>
    public bool OutsideBudget { get; init; }

    /// <summary>Its learning rate where none is tried and the plan names none: what suits the variant.</summary>
    public double? LearningRate { get; init; }

    /// <summary>The learning rates that it tries; null tries the plan's.</summary>
    public IReadOnlyList<double>? LearningRates { get; init; }
}

/// <summary>Rows of a trial.</summary>
/// <param name="Report">The split, or fold, whose validation rows are reported.</param>
/// <param name="Tuning">A split of its training rows, on which learning rates are tried; null where none are.</param>
public sealed record TrialPart(SplitReference Report, SplitReference? Tuning);

/// <summary>A run of a trial.</summary>
/// <param name="Run">The id that it has, or will have.</param>
/// <param name="Method">Number of its method.</param>
/// <param name="Part">Number of its part.</param>
/// <param name="Seed">Its seed.</param>
/// <param name="LearningRate">The learning rate that it tries; null for a reported run.</param>
public sealed record PlannedRun(string Run, int Method, int Part, long Seed, double? LearningRate)
{
    /// <summary>True for a try of a learning rate.</summary>
    public bool IsTuning => LearningRate is not null;
}

/// <summary>What the tries of a trial led to.</summary>
/// <param name="Choices">One for each method and part; the null line takes that of its twin.</param>
public sealed record ChosenRates(IReadOnlyList<ChosenRate> Choices);

/// <summary>The learning rate of a method on a part.</summary>
/// <param name="Method">Number of the method.</param>
/// <param name="Part">Number of the part.</param>
/// <param name="LearningRate">The best of those tried; null where no try succeeded.</param>
/// <param name="Tries">Each rate with its log loss on the tuning rows; null where the try did not succeed.</param>
public sealed record ChosenRate(int Method, int Part, double? LearningRate, IReadOnlyList<RateTry> Tries);

/// <summary>One try.</summary>
/// <param name="LearningRate">The rate.</param>
/// <param name="LogLoss">Log loss on the tuning rows.</param>
public sealed record RateTry(double LearningRate, double? LogLoss);
