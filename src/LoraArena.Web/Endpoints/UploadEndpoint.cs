using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Data.Competitions;
using LoraArena.Data.Csv;
using LoraArena.Storage;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Http.Features;

namespace LoraArena.Web.Endpoints;

/// <summary>Takes files in: the request's body is the file, so nothing of it passes through a circuit or is held in memory.</summary>
public static class UploadEndpoint
{
    /// <summary>Maps <c>POST /competitions/{id}/files?name=train.csv&amp;role=train&amp;replace=true</c>.</summary>
    public static void MapUploads(this WebApplication app) => app.MapPost("/competitions/{id}/files", UploadAsync).DisableAntiforgery();

    private static async Task<IResult> UploadAsync(
        string id, string name, FileRole? role, bool? replace, HttpContext context, IAntiforgery antiforgery, CompetitionLibrary library, ArenaStore store, IConfiguration settings, CancellationToken cancel)
    {
        // The framework checks tokens of forms only; this body is no form.
        if (!await antiforgery.IsRequestValidAsync(context)) return Results.Problem("The page has expired. Load it again and upload once more.", statusCode: StatusCodes.Status400BadRequest);
        var limit = settings.GetValue("Uploads:MaxBytes", CompetitionLibrary.DefaultMaxUploadBytes);
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size) size.MaxRequestBodySize = limit + 1;
        try
        {
            var report = await library.ImportAsync(id, context.Request.Body, name, role, replace ?? false, cancellation: cancel);
            await store.PutAsync(library.Get(id), cancel);
            return Results.Json(report, ArenaJson.Line);
        }
        catch (FileInPlaceException error)
        {
            return Results.Problem(error.Message, statusCode: StatusCodes.Status409Conflict);
        }
        catch (CompetitionException error)
        {
            return Results.Problem(error.Message, statusCode: StatusCodes.Status404NotFound);
        }
        catch (UploadTooLargeException error)
        {
            return Results.Problem(error.Message, statusCode: StatusCodes.Status413PayloadTooLarge);
        }
        catch (Exception error) when (error is CsvRefusedException or UnsafePathException)
        {
            return Results.Problem(error.Message, statusCode: StatusCodes.Status422UnprocessableEntity);
        }
        catch (BadHttpRequestException error)
        {
            return Results.Problem(error.StatusCode == StatusCodes.Status413PayloadTooLarge ? "The file is larger than uploads may be." : "The upload broke off; try again.", statusCode: error.StatusCode);
        }
        catch (IOException error) when (!cancel.IsCancellationRequested)
        {
            return Results.Problem($"The file could not be stored: {error.Message}", statusCode: StatusCodes.Status507InsufficientStorage);
        }
    }
}
