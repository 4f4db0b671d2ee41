using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace LoraArena.Web.Tests;

/// <summary>Files of runs: those that are there, and no others.</summary>
public sealed class DownloadTests(ArenaServer server)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task TheSubmissionOfARun_HasTheRowsOfTheTestData()
    {
        var answer = await server.Member.GetAsync(server.Path("/runs/{run}/submission.csv"));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("text/csv", answer.Content.Headers.ContentType!.MediaType);
        Assert.Equal("attachment", answer.Content.Headers.ContentDisposition!.DispositionType);
        Assert.Equal(server.Path("submission-{run}.csv"), answer.Content.Headers.ContentDisposition.FileName);
        var lines = (await answer.Content.ReadAsStringAsync(Cancel)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("id,winner_model_a,winner_model_b,winner_tie", lines[0].TrimEnd('\r'));
        Assert.Equal(11, lines.Length);
    }

    [Theory]
    [InlineData("predictions.csv")]
    [InlineData("journal.jsonl")]
    [InlineData("log.txt")]
    [InlineData("spec.json")]
    public async Task AFileOfARun_IsSentAsItLiesThere(string name)
    {
        var run = server.Arena.Folder.Run(server.Run);
        var path = name switch { "predictions.csv" => run.ValidationPredictions, "journal.jsonl" => run.Journal, "log.txt" => run.Log, _ => run.Spec };
        var answer = await server.Member.GetAsync(server.Path($"/runs/{{run}}/{name}"));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("attachment", answer.Content.Headers.ContentDisposition!.DispositionType);
        Assert.Equal(await File.ReadAllBytesAsync(path, Cancel), await answer.Content.ReadAsByteArrayAsync(Cancel));
    }

    [Theory]
    [InlineData("/runs/01m8asjby8jkhd565k8damzm9q/log.txt")]
    [InlineData("/runs/01m8asjby8jkhd565k8damzm9q/submission.csv")]
    [InlineData("/runs/..%2f..%2farena.db/log.txt")]
    [InlineData("/runs/%2e%2e/spec.json")]
    [InlineData("/runs/no%20such%20run/journal.jsonl")]
    [InlineData("/runs/{stopped}/predictions.csv")]
    [InlineData("/runs/{run}/result.json")]
    public async Task WhatIsNotThere_IsNotFound(string path)
        => Assert.Equal(HttpStatusCode.NotFound, (await server.Member.GetAsync(server.Path(path))).StatusCode);

    [Fact]
    public async Task ARunWithoutPredictions_HasNoSubmission_AndSaysSo()
    {
        var answer = await server.Member.GetAsync(server.Path("/runs/{stopped}/submission.csv"));
        Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancel);
        Assert.Equal("This run has no predictions of test data.", problem.GetProperty("detail").GetString());
    }
}
