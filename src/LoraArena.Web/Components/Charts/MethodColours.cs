using LoraArena.Core.Competitions;
using LoraArena.Core.Runs;

namespace LoraArena.Web.Components.Charts;

/// <summary>
/// The colour of each method, the same on every page. Those that are compared most have one of their own; the others get one by their place in
/// the worker's catalog. What shares a colour on a board, settings of one variant above all, is told apart by the shape of its points.
/// </summary>
/// <param name="worker">The catalog; null where the worker cannot be asked.</param>
public sealed class MethodColours(WorkerDescription? worker)
{
    private const int Count = 12;
    private static readonly string[] First = ["lora", "dora", "rslora", "lora-plus", "full", "adalora", "pissa"];

    // Colours that differ most.
    private static readonly int[] Places = [9, 10, 0, 1, 4, 6, 2];
    private static readonly string[] Dashes = ["solid", "dash", "dot", "dashdot", "longdash"];
    private static readonly string[] Shapes = ["circle", "square", "diamond", "triangle-up", "cross", "star", "hexagon", "triangle-down", "x", "pentagon"];

    /// <summary>The CSS variable of a variant.</summary>
    public string Variable(string? variant)
    {
        if (variant is null) return "--mud-palette-text-disabled";
        if (Array.IndexOf(First, variant) is >= 0 and var place) return FormattableString.Invariant($"--method-{Places[place]}");
        var at = worker is null ? -1 : worker.Variants.Select(v => v.Id).ToList().IndexOf(variant);
        if (at < 0) at = variant.Sum(c => c);
        return FormattableString.Invariant($"--method-{at % Count}");
    }

    /// <summary>The colour of a variant.</summary>
    public string Of(string? variant) => $"var({Variable(variant)})";

    /// <summary>The shape of a line of the board: by its place among those with the same colour.</summary>
    public string Shape(Board board, BoardRow row) => row.IsBaseline ? "diamond-tall" : Shapes[PlaceOf(board, row) % Shapes.Length];

    /// <summary>The dashes of its curves, likewise.</summary>
    public string Dash(Board board, BoardRow row) => Dashes[PlaceOf(board, row) % Dashes.Length];

    private int PlaceOf(Board board, BoardRow row)
        => Math.Max(0, board.ComparedRows
            .Where(r => Variable(r.Variant) == Variable(row.Variant))
            .OrderBy(r => r.Variant, StringComparer.Ordinal)
            .ThenBy(r => r.Id, StringComparer.Ordinal)
            .ToList()
            .FindIndex(r => r.Id == row.Id));
}
