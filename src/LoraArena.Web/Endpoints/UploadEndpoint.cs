using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Data.Competitions;
using LoraArena.Data.Csv;
using LoraArena.Runs;
using LoraArena.Web.Components.Errors;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Http.Features;

namespace LoraArena.Web.Endpoints;

/// <summary>Takes files in: the request's body is the file, so nothing of it passes through a circuit or is held in memory.</summary>
public static class UploadEndpoint
{
    /// <summary>Maps <c>POST /competitions/{id}/files?name=train.csv&amp;role=train&amp;replace=true</c>.</summary>
    public static void MapUploads(this WebApplication app) => app.MapPost("/competitions/{id}/files", UploadAsync).DisableAntiforgery();

    private static async Task<IResult> UploadAsync(
        string id, string? name, string? role, bool? replace, HttpContext context, IAntiforgery antiforgery, CompetitionLibrary library, IndexSync index,
        IConfiguration settings, CancellationToken cancel)
    {
        if (string.IsNullOrWhiteSpace(name)) return Refuse("The upload has no file name: add ?name=train.csv to the address.");
        if (!TryRole(role, out var given)) return Refuse($"'{role}' is no role of a file; these are: {Roles}.");

        // The framework checks tokens of forms only; this body is no form.
        if (!await antiforgery.IsRequestValidAsync(context)) return Refuse("The page has expired. Load it again and upload once more.");
        var limit = settings.GetValue("Uploads:MaxBytes", CompetitionLibrary.DefaultMaxUploadBytes);
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size) size.MaxRequestBodySize = limit + 1;
        try
        {
            var report = await library.ImportAsync(id, context.Request.Body, name, given, replace ?? false, cancellation: cancel);
            await index.PutAsync(library.Get(id), CancellationToken.None);
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
            return Results.Problem(
                error.StatusCode == StatusCodes.Status413PayloadTooLarge ? "The file is larger than uploads may be." : "The upload broke off; try again.",
                statusCode: error.StatusCode);
        }
        catch (Exception error) when (cancel.IsCancellationRequested && error is OperationCanceledException or IOException)
        {
            // Whoever sent it has gone; nothing was kept.
            return Results.StatusCode(StatusCodes.Status499ClientClosedRequest);
        }
        catch (IOException error)
        {
            return Results.Problem(
                FailureWords.Of(error) ?? $"The file could not be stored: {error.Message}",
                statusCode: StatusCodes.Status507InsufficientStorage);
        }
        catch (Exception error) when (FailureWords.Of(error) is not null)
        {
            return Results.Problem(FailureWords.Of(error), statusCode: StatusCodes.Status500InternalServerError);
        }
    }

    private static string Roles => string.Join(", ", Enum.GetNames<FileRole>().Select(n => n.ToLowerInvariant()));

    private static IResult Refuse(string sentence) => Results.Problem(sentence, statusCode: StatusCodes.Status400BadRequest);

    // A number would be taken too: only names are roles.
    private static bool TryRole(string? text, out FileRole? role)
    {
        role = null;
        if (string.IsNullOrEmpty(text)) return true;
        if (!Enum.GetNames<FileRole>().Contains(text, StringComparer.OrdinalIgnoreCase)) return false;
        role = Enum.Parse<FileRole>(text, ignoreCase: true);
        return true;
    }
}
