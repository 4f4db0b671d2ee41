namespace LoraArena.Core.Battles;

/// <summary>Who won a battle. The values are the class indices of every model's head and of every probability triple.</summary>
public enum Winner
{
    /// <summary>The first answer was preferred.</summary>
    ModelA = 0,

    /// <summary>The second answer was preferred.</summary>
    ModelB = 1,

    /// <summary>Neither was preferred.</summary>
    Tie = 2,
}

/// <summary>What the three classes are called in files, and what happens to them when the answers change places.</summary>
public static class Winners
{
    /// <summary>Number of classes.</summary>
    public const int Count = 3;

    /// <summary>Column names of Kaggle's one-hot labels and of submissions, in class order.</summary>
    public static IReadOnlyList<string> Columns { get; } = ["winner_model_a", "winner_model_b", "winner_tie"];

    /// <summary>The label as predictions and reports write it: <c>model_a</c>, <c>model_b</c> or <c>tie</c>.</summary>
    public static string Name(this Winner winner) => winner switch
    {
        Winner.ModelA => "model_a",
        Winner.ModelB => "model_b",
        Winner.Tie => "tie",
        _ => throw new ArgumentOutOfRangeException(nameof(winner), winner, "not a winner"),
    };

    /// <summary>The inverse of <see cref="Name"/>; null for any other text.</summary>
    public static Winner? Parse(string name) => name switch
    {
        "model_a" => Winner.ModelA,
        "model_b" => Winner.ModelB,
        "tie" => Winner.Tie,
        _ => null,
    };

    /// <summary>The label of the same battle with answers A and B exchanged.</summary>
    public static Winner Swapped(this Winner winner) => winner switch
    {
        Winner.ModelA => Winner.ModelB,
        Winner.ModelB => Winner.ModelA,
        _ => winner,
    };
}
