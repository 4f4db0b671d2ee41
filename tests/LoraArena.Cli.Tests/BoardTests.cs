using System.Text.Json.Nodes;

namespace LoraArena.Cli.Tests;

/// <summary>A competition that several tests look at.</summary>
public sealed class ImportedCompetition : IAsyncLifetime
{
    public Arena Arena { get; } = new();

    public async ValueTask InitializeAsync()
    {
        Arena.Write("train.csv", Battles.Train(60));
        Arena.Write("test.csv", Battles.Test(5));
        await Arena.AskAsync("import", Arena.At("train.csv"), Arena.At("test.csv"), "--competition", "Arena");
    }

    public ValueTask DisposeAsync()
    {
        Arena.Dispose();
        return ValueTask.CompletedTask;
    }
}

public sealed class BoardTests(ImportedCompetition competition) : IClassFixture<ImportedCompetition>
{
    private readonly Arena _arena = competition.Arena;

    [Fact]
    public async Task Board_WithoutRunsShowsTheBaselinesFromTheBestOn()
    {
        var board = await _arena.AskAsync("board", "arena");

        Assert.Equal("Arena", (string?)board["competition"]);
        Assert.NotNull((string?)board["split"]!["id"]);
        var rows = board["rows"]!.AsArray();
        Assert.Equal([1, 2, 3], rows.Select(row => (int?)row!["rank"]));
        Assert.Equal(["class-prior", "length", "uniform"], rows.Select(row => (string?)row!["id"]).Order(StringComparer.Ordinal));
        var losses = rows.Select(row => (double)row!["log_loss"]!).ToList();
        Assert.Equal(losses.Order(), losses);
        Assert.All(rows, row => Assert.True((bool)row!["baseline"]!
            && (double)row["log_loss_low"]! <= (double)row["log_loss"]!
            && (double)row["log_loss"]! <= (double)row["log_loss_high"]!));

        // ln 3, whatever the rows.
        Assert.Equal(Math.Log(3), (double)rows.Single(row => (string?)row!["id"] == "uniform")!["log_loss"]!, 1e-12);
    }

    [Fact]
    public async Task Board_AsCsvHasTheSameLines()
    {
        var json = (await _arena.AskAsync("board", "Arena"))["rows"]!.AsArray();

        var csv = (await _arena.RunAsync("board", "Arena", "--format", "csv")).Output.TrimEnd().Split('\n');

        Assert.StartsWith("rank,id,name,baseline,", csv[0], StringComparison.Ordinal);
        Assert.Equal(
            json.Select(row => $"{row!["rank"]},{row["id"]},{row["name"]},true,"),
            csv.Skip(1).Select(line => string.Join(',', line.Split(',').Take(4)) + ","));
    }

    [Fact]
    public async Task Split_IsTheSameForTheSameSeedAndItsFoldsCanBeChosen()
    {
        var first = (await _arena.AskAsync("split", "Arena", "--folds", "3", "--seed", "7"))["split"]!;
        var again = (await _arena.AskAsync("split", "Arena", "--folds", "3", "--seed", "7"))["split"]!;
        var byFold = await _arena.AskAsync("baselines", "Arena", "--fold", "2");
        var byId = await _arena.AskAsync("baselines", "Arena", "--split-id", (string)first["id"]!, "--fold", "2");
        var beyond = await _arena.RunAsync("board", "Arena", "--fold", "3");

        Assert.True(JsonNode.DeepEquals(first, again));
        Assert.Equal(60, first["folds"]!.AsArray().Sum(rows => (int)rows!));
        Assert.True(JsonNode.DeepEquals(byFold, byId));
        Assert.Equal((int)first["folds"]![2]!, (int)byFold["baselines"]![0]!["scores"]!["rows"]!);
        Assert.Equal(3, beyond.ExitCode);
        Assert.Contains("folds 0 to 2", beyond.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AValueThatAnOptionCannotHave_IsWrongUsage_AndATrialThatIsNotThereIsRefused()
    {
        var split = await _arena.RunAsync("split", "Arena", "--hold-out", "1.5");
        Assert.Equal(2, split.ExitCode);
        Assert.Contains("between 0 and 1", split.Errors, StringComparison.Ordinal);

        var board = await _arena.RunAsync("board", "Arena", "--trial", "nobody");
        Assert.Equal(3, board.ExitCode);
        Assert.Contains("There is no trial 'nobody'", board.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Split_WithMoreFoldsThanPromptsIsRefused()
    {
        var ended = await _arena.RunAsync("split", "Arena", "--folds", "31", "--json");

        Assert.Equal(3, ended.ExitCode);
        Assert.Empty(ended.Output);
        Assert.Contains("30 different prompts", ended.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Runs_QueueAndModelsAreEmptyAtFirst()
    {
        Assert.Equal("[]", (await _arena.AskAsync("runs", "Arena"))["runs"]!.ToJsonString());
        Assert.Equal("""{"running":[],"waiting":[],"supervised":false,"problems":[]}""", (await _arena.AskAsync("queue")).ToJsonString());
        Assert.Equal("[]", (await _arena.AskAsync("models", "list"))["models"]!.ToJsonString());
        Assert.Equal("[]", (await _arena.AskAsync("models"))["models"]!.ToJsonString());
    }

    [Fact]
    public async Task Database_IsMadeAgainFromTheFolders()
    {
        _arena.DeleteDatabase();

        var board = await _arena.AskAsync("board", "Arena");

        Assert.Equal(3, board["rows"]!.AsArray().Count);
    }

    [Theory]
    [InlineData("0.3,0.4,0.3", 0)]
    [InlineData("0.333,0.333,0.333", 0)]
    [InlineData("0.3,0.4,0.4", 3)]
    [InlineData("0.3,0.4,", 3)]
    public async Task SubmissionCheck_AcceptsProbabilitiesThatSumTo1(string probabilities, int exitCode)
    {
        _arena.Write($"submission-{probabilities}.csv", Battles.Submission(5, probabilities));

        var ended = await _arena.RunAsync("submission", "check", _arena.At($"submission-{probabilities}.csv"), "--competition", "Arena", "--json");

        Assert.Equal(exitCode, ended.ExitCode);
        var report = ended.Document();
        Assert.Equal((5, exitCode == 0), ((int)report["rows"]!, (bool)report["accepted"]!));
        Assert.Equal(exitCode == 0 ? 0 : 1, report["errors"]!.AsArray().Count);
    }

    [Fact]
    public async Task SubmissionCheck_NamesTheIdsThatAreMissing()
    {
        _arena.Write("short.csv", Battles.Submission(4));

        var ended = await _arena.RunAsync("submission", "check", _arena.At("short.csv"), "--competition", "Arena");

        Assert.Equal(3, ended.ExitCode);
        Assert.Contains("1 id is missing ('x4')", ended.Errors, StringComparison.Ordinal);
    }
}
