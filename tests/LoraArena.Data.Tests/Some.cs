using LoraArena.Core.Battles;

namespace LoraArena.Data.Tests;

/// <summary>Battles for tests that do not care what is said.</summary>
internal static class Some
{
    /// <summary>A battle of one turn.</summary>
    public static Battle Battle(string id, string? prompt = "p", string? a = "a", string? b = "b", Winner? winner = Winner.ModelA)
        => new(id, null, null, [prompt], [a], [b], winner);
}
