using CsvHelper;
using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;
using LoraArena.Data.Boards;
using LoraArena.Data.Competitions;
using LoraArena.Data.Splits;
using LoraArena.Runs;
using LoraArena.Web.Components.Boards;

namespace LoraArena.Web.Endpoints;

/// <summary>The board for programs: the same view as the page with the same query, as JSON or CSV.</summary>
public static class BoardEndpoints
{
    /// <summary>Maps the exports.</summary>
    public static void MapBoards(this WebApplication app)
    {
        app.MapGet("/competitions/{id}/board.json", (string id, HttpRequest request, IndexSync index, BoardLoader loader, CancellationToken cancel)
            => ExportAsync(id, request, index, loader, export => Results.Json(export, ArenaJson.Indented), cancel));
        app.MapGet("/competitions/{id}/board.csv", (string id, HttpRequest request, IndexSync index, BoardLoader loader, CancellationToken cancel)
            => ExportAsync(id, request, index, loader, Csv, cancel));
    }

    private static async Task<IResult> ExportAsync(
        string id, HttpRequest request, IndexSync index, BoardLoader loader, Func<BoardExport, IResult> write, CancellationToken cancel)
    {
        if (await index.FindCompetitionAsync(id, cancel) is not { } competition) return Results.NotFound();
        try
        {
            var query = BoardAddress.Read(request.QueryString.Value ?? "");
            var board = await loader.ReadAsync(competition, query, cancel);
            return write(BoardExport.Of(
                competition.Name,
                new SplitReference(query.Split ?? competition.DefaultSplit!, "", query.Fold is BoardQuery.AllFolds ? null : query.Fold),
                board));
        }
        catch (Exception error) when (error is CompetitionException or SplitException)
        {
            return Results.Problem(error.Message, statusCode: StatusCodes.Status409Conflict);
        }
    }

    private static IResult Csv(BoardExport export)
    {
        using var text = new StringWriter();
        using (var csv = CsvWriter.Create(text, new CsvWriterOptions { NewLine = "\n" }, leaveOpen: true))
        {
            foreach (var line in export.Csv()) csv.WriteRecord(line);
        }

        return Results.File(System.Text.Encoding.UTF8.GetBytes(text.ToString()), "text/csv", "board.csv");
    }
}
