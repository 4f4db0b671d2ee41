using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;
using LoraArena.Data.Submissions;
using LoraArena.Runs;

namespace LoraArena.Web.Endpoints;

/// <summary>Files of runs. A run is named by its id, a file by a word of ours: no path comes from outside.</summary>
public static class DownloadEndpoints
{
    /// <summary>Maps the downloads of a run.</summary>
    public static void MapDownloads(this WebApplication app)
    {
        app.MapGet("/runs/{id}/submission.csv", SubmissionAsync);
        app.MapGet("/runs/{id}/predictions.csv", (string id, ArenaFolder folder) => File(folder, id, run => run.ValidationPredictions, "text/csv"));
        app.MapGet("/runs/{id}/journal.jsonl", (string id, ArenaFolder folder) => File(folder, id, run => run.Journal, "application/octet-stream"));
        app.MapGet("/runs/{id}/log.txt", (string id, ArenaFolder folder) => File(folder, id, run => run.Log, "application/octet-stream"));
        app.MapGet("/runs/{id}/spec.json", (string id, ArenaFolder folder) => File(folder, id, run => run.Spec, "application/octet-stream"));
    }

    private static async Task<IResult> SubmissionAsync(string id, ArenaFolder folder, IndexSync index, RunSubmission submissions, CancellationToken cancel)
    {
        if (await index.FindRunAsync(id, cancel) is not { } run || await index.FindCompetitionAsync(run.CompetitionId, cancel) is not { } competition)
        {
            return Results.NotFound();
        }

        var runFolder = folder.Run(id);
        if (run.State != RunState.Succeeded.Name || !System.IO.File.Exists(runFolder.TestPredictions))
        {
            return Results.Problem("This run has no predictions of test data.", statusCode: StatusCodes.Status409Conflict);
        }

        try
        {
            var made = RunSubmission.Stored(competition, runFolder) ?? await Task.Run(() => submissions.Make(competition, runFolder), cancel);
            if (made.Error is { } error) return Results.Problem(error, statusCode: StatusCodes.Status409Conflict);
            if (made.Report is { Accepted: false } report)
            {
                return Results.Problem("The submission would not be accepted: " + string.Join(" ", report.Errors), statusCode: StatusCodes.Status409Conflict);
            }
        }
        catch (JsonFileException error)
        {
            return Results.Problem(error.Message, statusCode: StatusCodes.Status409Conflict);
        }

        return Results.File(runFolder.Submission, "text/csv", $"submission-{id}.csv");
    }

    private static IResult File(ArenaFolder folder, string id, Func<RunFolder, string> choose, string type)
    {
        if (!ArenaId.IsValid(id)) return Results.NotFound();
        var path = choose(folder.Run(id));
        if (!System.IO.File.Exists(path)) return Results.NotFound();

        // The worker may be writing to it: what is there now is sent.
        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        return Results.File(stream, type, Path.GetFileName(path));
    }
}
