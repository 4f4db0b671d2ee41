using LoraArena.Core.Competitions;
using LoraArena.Core.Runs;

namespace LoraArena.Web.Components.Charts;

/// <summary>
/// The colour of each method, the same on every page: by the place of its variant in the worker's catalog. Settings of one variant share its
/// colour and are told apart by the shape of their points.
/// </summary>
/// <param name="worker">The catalog; null where the worker cannot be asked.</param>
public sealed class MethodColours(WorkerDescription? worker)
{
    private const int Count = 12;
    private static readonly string[] Shapes = ["circle", "square", "diamond", "triangle-up", "cross", "star", "hexagon", "triangle-down", "x", "pentagon"];

    /// <summary>The CSS variable of a variant.</summary>
    public string Variable(string? variant)
    {
        if (variant is null) return "--mud-palette-text-disabled";
        var at = worker is null ? -1 : worker.Variants.Select(v => v.Id).ToList().IndexOf(variant);
        if (at < 0) at = variant.Sum(c => c);
        return FormattableString.Invariant($"--method-{at % Count}");
    }

    /// <summary>The colour of a variant.</summary>
    public string Of(string? variant) => $"var({Variable(variant)})";

    /// <summary>The shape of a line of the board: by its place among those with the same variant.</summary>
    public static string Shape(Board board, BoardRow row)
        => row.IsBaseline ? "line-ns-open" : Shapes[Math.Max(0, board.Contenders.Where(r => r.Variant == row.Variant).OrderBy(r => r.Id, StringComparer.Ordinal).ToList().FindIndex(r => r.Id == row.Id)) % Shapes.Length];
}
