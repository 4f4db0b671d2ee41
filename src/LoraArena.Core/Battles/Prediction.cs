namespace LoraArena.Core.Battles;

/// <summary>Probabilities of the three outcomes of one battle.</summary>
/// <param name="A">Probability that answer A wins.</param>
/// <param name="B">Probability that answer B wins.</param>
/// <param name="Tie">Probability of a tie.</param>
public readonly record struct Probabilities(double A, double B, double Tie)
{
    /// <summary>One third each: what a model that knows nothing says.</summary>
    public static Probabilities Uniform { get; } = new(1.0 / 3, 1.0 / 3, 1.0 / 3);

    /// <summary>The probability of one outcome.</summary>
    public double this[Winner winner] => winner switch
    {
        Winner.ModelA => A,
        Winner.ModelB => B,
        Winner.Tie => Tie,
        _ => throw new ArgumentOutOfRangeException(nameof(winner), winner, "not a winner"),
    };

    /// <summary>The same belief about the battle with its answers exchanged.</summary>
    public Probabilities Swapped() => new(B, A, Tie);

    /// <summary>The mean of two beliefs.</summary>
    public static Probabilities Average(Probabilities x, Probabilities y) => new((x.A + y.A) / 2, (x.B + y.B) / 2, (x.Tie + y.Tie) / 2);
}

/// <summary>What a run or a baseline says about one battle, with what is needed to score it.</summary>
/// <param name="Id">The battle's id.</param>
/// <param name="Probabilities">The predicted outcome.</param>
/// <param name="Winner">The true outcome; null where it is not known.</param>
/// <param name="Group">The battle's prompt group: rows of one group are not independent (see the board's intervals).</param>
public sealed record Prediction(string Id, Probabilities Probabilities, Winner? Winner, string Group);
