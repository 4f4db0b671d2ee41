namespace LoraArena.Core.Competitions;

/// <summary>A column of the board.</summary>
/// <param name="Id">Its name in addresses and exports.</param>
/// <param name="Title">Its heading.</param>
/// <param name="Help">What it means.</param>
/// <param name="Value">The number that it sorts by; null stands last.</param>
/// <param name="Usual">Shown unless somebody chooses others.</param>
public sealed record BoardColumn(string Id, string Title, string Help, Func<BoardRow, double?> Value, bool Usual);

/// <summary>The columns that there are.</summary>
public static class BoardColumns
{
    /// <summary>Id of the column that boards are sorted by.</summary>
    public const string LogLoss = "log_loss";

    /// <summary>All columns, in the order in which they stand.</summary>
    public static IReadOnlyList<BoardColumn> All { get; } =
    [
        new(LogLoss, "Log loss", "Mean log loss on the validation rows, as Kaggle computes it; lower is better.", r => r.LogLoss.Value, true),
        new(
            "interval", "95 % interval",
            "Where the log loss lies with 95 % confidence over other rows of the same kind. Differences are surer than this shows: see Δ.",
            r => r.LogLoss.IsKnown ? r.LogLoss.High - r.LogLoss.Low : null, false),
        new(
            "difference", "Δ to reference",
            "Difference of the log losses on the same rows, with its 95 % interval; below zero it is better than the reference.",
            r => r.Against?.Difference.Value ?? 0, true),
        new("p", "p (Holm)", "How often chance alone would show such a difference somewhere among all that is shown.", r => r.PAdjusted, true),
        new("rank", "Rank", "The places that cannot be ruled out with 95 % confidence.", r => r.Rank?.Best ?? r.Place, true),
        new("seeds", "Seeds", "Trainings with different seeds; below three what is said is provisional.", r => r.Seeds, true),
        new("accuracy", "Accuracy", "Share of rows whose most probable outcome is the true one.", r => r.Accuracy, true),
        new("ece", "ECE", "Expected calibration error, 15 bins.", r => r.Ece, false),
        new("flip_rate", "Flip rate", "Share of rows whose answer changes when the answers change places.", r => r.FlipRate, false),
        new("seconds", "Time", "Time of one training by the clock; what else the host did meanwhile counts in.", r => r.Seconds, true),
        new("tokens_per_second", "Tokens/s", "Real tokens a second of training, padding not counted.", r => r.TokensPerSecond, false),
        new("peak_memory_bytes", "Peak memory", "Largest memory of a training.", r => r.PeakMemoryBytes, true),
        new(
            "memory_above_base_bytes", "Memory above base", "What of the largest memory came on top of the loaded model: gradients, activations, optimiser.",
            r => r.PeakMemoryAboveBaseBytes, false),
        new("trainable_parameters", "Trainable", "Trainable parameters, the head included.", r => r.TrainableParameters, true),
        new(
            "seconds_per_thousandth", "Time per −0.001", "Time of training for each 0.001 of log loss below the best baseline.",
            r => r.SecondsPerThousandth, false),
    ];

    /// <summary>The column of an id; null where there is none.</summary>
    public static BoardColumn? Find(string id) => All.FirstOrDefault(c => c.Id == id);
}
