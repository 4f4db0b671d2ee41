namespace LoraArena.Starter;

/// <summary>A simulated model: how often its answers have each property.</summary>
/// <param name="Name">Name in the columns model_a and model_b.</param>
/// <param name="Correct">Right content.</param>
/// <param name="KeepsFormat">The asked form is kept.</param>
/// <param name="Strays">An answer in another language than the asked one.</param>
/// <param name="Polite">Friendly words.</param>
/// <param name="Rude">Rude words.</param>
/// <param name="Refuses">No answer at all.</param>
/// <param name="Apologises">Needless excuses.</param>
/// <param name="Hedges">Words of doubt.</param>
/// <param name="Reverses">Takes back what it said.</param>
/// <param name="Explains">Chance of each explaining sentence.</param>
/// <param name="Pads">Chance of each empty sentence, up to four.</param>
internal sealed record StarterModel(
    string Name,
    double Correct,
    double KeepsFormat,
    double Strays,
    double Polite,
    double Rude,
    double Refuses,
    double Apologises,
    double Hedges,
    double Reverses,
    double Explains,
    double Pads)
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<StarterModel> All { get; } =
    [
        //                    correct format strays polite  rude refuses apol. hedges rev. explains pads
        new("aurora-70b-sim", 0.95, 0.93, 0.02, 0.55, 0.01, 0.02, 0.03, 0.06, 0.02, 0.65, 0.12),
        new("aurora-7b-sim", 0.78, 0.75, 0.07, 0.50, 0.03, 0.06, 0.10, 0.16, 0.07, 0.45, 0.20),
        new("beacon-pro-sim", 0.90, 0.88, 0.03, 0.35, 0.02, 0.14, 0.12, 0.12, 0.03, 0.60, 0.18),
        new("beacon-lite-sim", 0.66, 0.62, 0.12, 0.40, 0.05, 0.20, 0.18, 0.22, 0.09, 0.35, 0.28),
        new("cedar-chat-sim", 0.82, 0.60, 0.06, 0.75, 0.00, 0.05, 0.22, 0.18, 0.05, 0.60, 0.50),
        new("delta-terse-sim", 0.88, 0.90, 0.05, 0.05, 0.22, 0.03, 0.01, 0.05, 0.04, 0.20, 0.04),
        new("ember-13b-sim", 0.60, 0.55, 0.20, 0.25, 0.18, 0.10, 0.08, 0.25, 0.18, 0.35, 0.35),
        new("flint-3b-sim", 0.48, 0.45, 0.25, 0.30, 0.12, 0.16, 0.16, 0.30, 0.22, 0.30, 0.40),
    ];
}
