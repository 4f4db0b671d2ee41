namespace LoraArena.Core.Battles;

/// <summary>One row of a competition: a conversation, two answers to each of its turns, and who won where that is known.</summary>
/// <param name="Id">Opaque text, written back to submissions exactly as it was read.</param>
/// <param name="ModelA">Name of the model behind answer A, where the file tells it.</param>
/// <param name="ModelB">Name of the model behind answer B, where the file tells it.</param>
/// <param name="Prompts">The user's turns. A turn may be null or empty, as in the real files.</param>
/// <param name="ResponsesA">Answers of A, one a turn. May hold unpaired surrogates, as the real files do.</param>
/// <param name="ResponsesB">Answers of B, one a turn.</param>
/// <param name="Winner">The label; null in a test file.</param>
public sealed record Battle(
    string Id,
    string? ModelA,
    string? ModelB,
    IReadOnlyList<string?> Prompts,
    IReadOnlyList<string?> ResponsesA,
    IReadOnlyList<string?> ResponsesB,
    Winner? Winner);
