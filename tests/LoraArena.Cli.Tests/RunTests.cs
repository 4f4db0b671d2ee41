using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace LoraArena.Cli.Tests;

/// <summary>A competition with a base model and a run that has succeeded.</summary>
public sealed class FinishedRun : IAsyncLifetime
{
    public Arena Arena { get; } = new();

    /// <summary>What the run answered; null where there is no base model to run.</summary>
    public JsonNode Answer { get; private set; } = null!;

    public string Id => (string)Answer["run"]!;

    public async ValueTask InitializeAsync()
    {
        var model = Places.RequireModel();
        Arena.Write("train.csv", Battles.Train(40));
        Arena.Write("test.csv", Battles.Test(6));
        await Arena.AskAsync("import", Arena.At("train.csv"), Arena.At("test.csv"), "--competition", "Arena");
        await Arena.AskAsync("models", "add", model, "--name", "nano");
        Answer = await Arena.AskProgramAsync(
            "run", "--competition", "Arena", "--model", "nano", "--variant", "lora", "-s", "r=4", "-s", "warmup_ratio=0", "--steps", "4",
            "--max-length", "64", "--batch", "4", "--name", "first");
    }

    public ValueTask DisposeAsync()
    {
        Arena.Dispose();
        return ValueTask.CompletedTask;
    }
}

public sealed class RunTests(FinishedRun finished) : IClassFixture<FinishedRun>
{
    private readonly Arena _arena = finished.Arena;

    [Fact]
    public void Run_AnswersHowItEndedAndWhatItCost()
    {
        var answer = finished.Answer;

        Assert.Equal("succeeded", (string?)answer["state"]);
        Assert.InRange((double)answer["log_loss"]!, 0.5, 2);
        Assert.InRange((double)answer["accuracy"]!, 0, 1);
        Assert.InRange((double)answer["ece"]!, 0, 1);
        foreach (var cost in new[] { "seconds", "tokens_per_second", "peak_memory_bytes", "trainable_parameters" })
        {
            Assert.True((double)answer[cost]! > 0, cost);
        }
    }

    [Fact]
    public void TheLog_SaysHowLongTheStartTook()
    {
        var log = File.ReadAllText(Path.Join(_arena.Store, "runs", finished.Id, "log.txt"));
        var said = Regex.Match(log, @"^training begins (\d+\.\d) s after the start of the process$", RegexOptions.Multiline);
        Assert.True(double.Parse(said.Groups[1].Value, CultureInfo.InvariantCulture) > 0);
    }

    [Fact]
    public async Task Show_TellsTheSpecAsItWasGiven()
    {
        var shown = await _arena.AskAsync("show", "first");

        Assert.Equal(finished.Id, (string?)shown["run"]);
        Assert.Equal("""{"r":4}""", shown["spec"]!["variant"]!["options"]!.ToJsonString());
        var training = shown["spec"]!["training"]!;
        Assert.Equal(
            (4, 64, 4, 0.0),
            ((int)training["max_steps"]!, (int)training["max_length"]!, (int)training["batch_size"]!, (double)training["warmup_ratio"]!));
        Assert.Equal("succeeded", (string?)shown["result"]!["state"]);
    }

    [Fact]
    public async Task Board_HasTheRunAmongTheBaselines()
    {
        var row = (await _arena.AskAsync("board", "Arena"))["rows"]!.AsArray().Single(row => (string?)row!["id"] == finished.Id)!;

        Assert.Equal(("first", false, "lora", "nano"), ((string)row["name"]!, (bool)row["baseline"]!, (string)row["variant"]!, (string)row["model"]!));
        Assert.Equal((double)finished.Answer["log_loss"]!, (double)row["log_loss"]!);
    }

    [Fact]
    public async Task Compare_TellsDifferencesToTheReferenceWithAdjustedP()
    {
        var answer = await _arena.AskAsync("compare", "uniform", finished.Id[..12], "length");

        Assert.Equal("uniform", (string?)answer["reference"]);
        var comparisons = answer["comparisons"]!.AsArray();
        Assert.Equal([finished.Id, "length"], comparisons.Select(c => (string)c!["run"]!));

        // The mean of the rows' differences is the difference of the means.
        Assert.Equal((double)finished.Answer["log_loss"]! - Math.Log(3), (double)comparisons[0]!["difference"]!, 1e-9);
        foreach (var c in comparisons)
        {
            Assert.True((double)c!["low"]! <= (double)c["difference"]! && (double)c["difference"]! <= (double)c["high"]!);
            Assert.InRange((double)c["p_holm"]!, (double)c["p"]!, Math.Min(1, 2 * (double)c["p"]!));
            Assert.Contains(" rows (difference ", (string?)c["meaning"], StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Clone_TakesTheSpecOfAnotherRunAndTheChangesThatAreGiven()
    {
        var cloned = await _arena.AskAsync("clone", "first", "-s", "r=2", "-s", "learning_rate=0.001", "--seed", "9");
        var refused = await _arena.RunAsync("clone", "first", "-s", "rank=2");

        Assert.Equal("succeeded", (string?)cloned["state"]);
        var (first, other) = ((await _arena.AskAsync("show", "first"))["spec"]!, (await _arena.AskAsync("show", (string)cloned["run"]!))["spec"]!);
        Assert.Equal("""{"r":2}""", other["variant"]!["options"]!.ToJsonString());
        Assert.Equal((0.001, 9), ((double)other["training"]!["learning_rate"]!, (int)other["training"]!["seed"]!));

        // All the rest is the same run.
        foreach (var changed in new[] { "learning_rate", "seed" }) other["training"]![changed] = first["training"]![changed]!.DeepClone();
        foreach (var part in new[] { "competition", "split", "data", "model", "training" }) Assert.True(JsonNode.DeepEquals(first[part], other[part]), part);
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("no option 'rank'", refused.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Compare_NeedsARunAndRefusesTheSameTwice()
    {
        Assert.Equal(3, (await _arena.RunAsync("compare", "uniform", "length")).ExitCode);
        Assert.Equal(3, (await _arena.RunAsync("compare", "first", finished.Id)).ExitCode);
    }

    [Fact]
    public async Task Predict_WritesASubmissionThatTheCheckAccepts()
    {
        var answer = await _arena.AskAsync("predict", "first", "--out", _arena.At("submission.csv"));
        var check = await _arena.AskAsync("submission", "check", _arena.At("submission.csv"), "--competition", "Arena");

        Assert.Equal((6, true), ((int)answer["rows"]!, (bool)answer["accepted"]!));
        Assert.True((bool)check["accepted"]!);
        Assert.Equal(["x0", "x1", "x2", "x3", "x4", "x5"], File.ReadLines(_arena.At("submission.csv")).Skip(1).Select(line => line.Split(',')[0]));
    }

    [Fact]
    public async Task Predict_AsksTheWorkerForOtherRowsAndKeepsTheirOrder()
    {
        _arena.Write("rows.csv", string.Join('\n', Battles.Test(6).Split('\n').Take(1).Concat(Battles.Test(6).Split('\n').Skip(1).Take(3).Reverse())) + "\n");

        await _arena.AskAsync("predict", "first", "--out", _arena.At("all.csv"));
        await _arena.AskAsync("predict", "first", "--out", _arena.At("some.csv"), "--rows", _arena.At("rows.csv"));

        var all = Read("all.csv");
        var some = Read("some.csv");
        Assert.Equal(["x2", "x1", "x0"], some.Select(row => row.Id));
        foreach (var (id, p) in some) Assert.All(all.Single(row => row.Id == id).P.Zip(p), pair => Assert.Equal(pair.First, pair.Second, 1e-4));

        List<(string Id, double[] P)> Read(string name)
            => [.. File.ReadLines(_arena.At(name))
                .Skip(1)
                .Select(line => line.Split(','))
                .Select(cells => (cells[0], cells.Skip(1).Select(cell => double.Parse(cell, CultureInfo.InvariantCulture)).ToArray()))];
    }

    [Fact]
    public async Task Predict_OfARowThatCannotBeReadIsRefusedAndLeavesWhatWasThere()
    {
        _arena.Write("broken.csv", Battles.Test(2) + "x9,no list,no list,no list\n");
        _arena.Write("old.csv", "old");

        var ended = await _arena.RunAsync("predict", "first", "--out", _arena.At("old.csv"), "--rows", _arena.At("broken.csv"));

        Assert.Equal(3, ended.ExitCode);
        Assert.Contains("line 4", ended.Errors, StringComparison.Ordinal);
        Assert.Equal("old", File.ReadAllText(_arena.At("old.csv")));
        Assert.Empty(Directory.EnumerateFiles(_arena.At("."), "*.part"));
    }

    [Fact]
    public async Task Predict_OfARowWithOneCellThatCannotBeReadIsMadeAndSaysHow()
    {
        _arena.Write("half.csv", Battles.Test(2) + "x9,no list,\"[\"\"a\"\"]\",\"[\"\"b\"\"]\"\n");

        var ended = await _arena.RunAsync("predict", "first", "--out", _arena.At("half-submission.csv"), "--rows", _arena.At("half.csv"));

        Assert.Equal(0, ended.ExitCode);
        Assert.Contains("half.csv, line 4, column prompt: repaired: not a list of turns", ended.Errors, StringComparison.Ordinal);
        Assert.Equal(["x0", "x1", "x9"], File.ReadLines(_arena.At("half-submission.csv")).Skip(1).Select(line => line.Split(',')[0]));
    }

    [Fact]
    public async Task ModelsRemove_NamesWhatDependsOnTheModelAndThenWantsToBeToldTwice()
    {
        await _arena.AskAsync("models", "add", Places.RequireModel(), "--name", "unused");
        Assert.Empty((await _arena.AskAsync("models", "remove", "unused"))["dependents"]!.AsArray());

        var refused = await _arena.RunAsync("models", "remove", "nano");
        Assert.Equal(3, refused.ExitCode);
        Assert.Matches(@"^\d+ runs? \(\S", refused.Errors);
        Assert.Contains("trained on it; results stay, but nothing new can be started from them", refused.Errors, StringComparison.Ordinal);
        Assert.Contains("Nothing is deleted; --yes deletes model nano from the list", refused.Errors, StringComparison.Ordinal);
        Assert.Equal("nano", (string?)Assert.Single((await _arena.AskAsync("models", "list"))["models"]!.AsArray())!["name"]);
    }

    [Fact]
    public async Task Export_WritesTheAdapterOnceAndRefusesAFolderThatIsThere()
    {
        var answer = await _arena.AskAsync("export", "first", "--format", "peft", "--out", _arena.At("adapter"));
        var again = await _arena.RunAsync("export", "first", "--format", "merged", "--out", _arena.At("adapter"));

        Assert.Contains("adapter_model.safetensors", answer["files"]!.AsArray().Select(file => (string)file!));
        Assert.True(File.Exists(_arena.At("adapter/adapter_config.json")));
        Assert.Equal(3, again.ExitCode);
    }

    [Theory]
    [InlineData("-s", "rank=4", 2, "no option 'rank'")]
    [InlineData("-s", "r=many", 2, "'r'")]
    [InlineData("-s", "device=cuda:99", 2, "this host has")]
    [InlineData("--max-length", "257", 2, "256 positions")]
    [InlineData("--lr", "-1", 2, "'learning_rate'")]
    [InlineData("--fold", "1", 3, "no folds")]
    [InlineData("--split", "nowhere.json", 3, "nowhere.json")]
    [InlineData("--name", "a\u001bb", 3, "visible")]
    public async Task Run_WithAnOptionThatCannotBeIsRefusedBeforeItIsQueued(string option, string value, int code, string reason)
    {
        var ended = await _arena.RunAsync("run", "--competition", "Arena", "--model", "nano", "--variant", "lora", option, value, "--json");

        Assert.Equal(code, ended.ExitCode);
        Assert.Empty(ended.Output);
        Assert.Contains(reason, ended.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Variants_DescribesOptionsAndTraining()
    {
        var described = await _arena.AskAsync("variants", "lora");
        var unknown = await _arena.RunAsync("variants", "nothing");

        Assert.Contains("r", described["options"]!.AsArray().Select(option => (string)option!["name"]!));
        Assert.Contains("learning_rate", described["training"]!.AsArray().Select(option => (string)option!["name"]!));
        Assert.Equal(3, unknown.ExitCode);
    }

    [Fact]
    public async Task StoppedRun_GoesOnFromItsCheckpoint()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows cannot hold a process.");

        // The answer comes, and stdout ends, while the worker goes on.
        var begun = await _arena.AskProgramAsync(Arguments("long", "--detach"));
        Assert.Contains((string)begun["state"]!, new[] { "starting", "running" });
        Assert.False(File.Exists(Result(begun)), "The run had ended before the command that detached from it.");

        // However slow the commands are, the worker is held until the request is there.
        var worker = await Signals.WorkerAsync(Path.GetDirectoryName(Result(begun))!);
        await Signals.SendAsync("STOP", worker);
        await _arena.AskAsync("stop", "long");
        await Signals.SendAsync("CONT", worker);
        var stopped = await _arena.RunAsync("watch", "long", "--json");
        var resumed = await _arena.AskAsync("resume", "long");

        Assert.Equal((130, "stopped"), (stopped.ExitCode, (string)stopped.Document()["state"]!));
        Assert.Equal("succeeded", (string?)resumed["state"]);
        var resume = File.ReadLines(Path.Join(Path.GetDirectoryName(Result(begun)), "journal.jsonl"))
            .Select(line => JsonNode.Parse(line)!)
            .Single(record => (string?)record["t"] == "resume");
        Assert.InRange((int)resume["step"]!, 1, Steps - 1);
    }

    [Fact]
    public async Task Run_OutlivesTheCommandsThatWatchIt()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no SIGINT for another process.");
        using var first = _arena.Start(Arguments("watched", "--json"));
        var worker = await Signals.WorkerAsync(await TrainsAsync("watched"));

        // However slow the commands are, the run is not over before they are through.
        await Signals.SendAsync("STOP", worker);

        // Ctrl+C, or what a supervisor sends: the command says goodbye, the run goes on.
        await Signals.SendAsync(IgnoresInterrupt() ? "TERM" : "INT", first.Process.Id);
        var interrupted = await first.EndAsync();

        // A terminal that is closed.
        using var hungUp = _arena.Start("watch", "watched", "--json");
        await SupervisesAsync(hungUp.Process.Id);
        await Signals.SendAsync("HUP", hungUp.Process.Id);
        var closed = await hungUp.EndAsync();
        var waiting = await _arena.AskProgramAsync(Arguments("next", "--detach"));

        // kill -9: no goodbye.
        using (var second = _arena.Start("watch", "watched"))
        {
            await SupervisesAsync(second.Process.Id);
            second.Process.Kill();
        }

        await Signals.SendAsync("CONT", worker);
        var next = await _arena.AskAsync("watch", "next");
        var watched = await _arena.AskAsync("show", "watched");

        Assert.Equal((130, "running"), (interrupted.ExitCode, (string)interrupted.Document()["state"]!));
        Assert.Equal((130, "running"), (closed.ExitCode, (string)closed.Document()["state"]!));
        Assert.Equal("queued", (string?)waiting["state"]);
        Assert.Equal("succeeded", (string?)next["state"]);
        Assert.Equal(("succeeded", 1), ((string)watched["state"]!, (int)watched["attempt"]!));
    }

    private const int Steps = 40;

    private static string[] Arguments(string name, params string[] more)
        => [
            "run", "--competition", "Arena", "--model", "nano", "--variant", "lora", "--steps",
            Steps.ToString(CultureInfo.InvariantCulture), "--max-length", "32", "--batch", "4", "--name", name, .. more];

    private Task<JsonNode> RunAsync(string name, params string[] more) => _arena.AskAsync(Arguments(name, more));

    private string Result(JsonNode answer) => Path.Join(_arena.Store, "runs", (string)answer["run"]!, "result.json");

    /// <summary>True where a shell has put the tests in the background: its children inherit that SIGINT is ignored, and .NET leaves it so.</summary>
    private static bool IgnoresInterrupt()
    {
        var ignored = File.Exists("/proc/self/status")
            ? File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith("SigIgn:", StringComparison.Ordinal))
            : null;
        return ignored is not null && (ulong.Parse(ignored["SigIgn:".Length..].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture) & 0b10) != 0;
    }

    /// <summary>Waits until a process supervises the arena for as long as it watches a run.</summary>
    private async Task SupervisesAsync(int pid)
    {
        var holder = Path.Join(_arena.Store, "supervisor.lock.json");
        while (JsonNode.Parse(File.ReadAllText(holder)) is not { } info || (int)info["pid"]! != pid || (string?)info["kind"] != "watch")
        {
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Waits until a run has done a step, and gives its folder.</summary>
    private async Task<string> TrainsAsync(string name)
    {
        while (true)
        {
            foreach (var folder in Directory.EnumerateDirectories(Path.Join(_arena.Store, "runs")))
            {
                var journal = Path.Join(folder, "journal.jsonl");
                if (File.Exists(journal)
                    && (string?)JsonNode.Parse(File.ReadAllText(Path.Join(folder, "spec.json")))!["name"] == name
                    && File.ReadAllText(journal).Contains("\"t\":\"step\"", StringComparison.Ordinal))
                {
                    return folder;
                }
            }

            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task Trial_TrainsItsMethodsAndSaysWhichIsBetter()
    {
        _arena.Write("plan.json", """{"name":"Two","competition":"Arena","model":"nano","methods":[{"variant":"lora"},{"variant":"rslora"}],"budget":{"parameters":3000},"seeds":[0],"training":{"max_steps":2,"max_length":48,"batch_size":4}}""");

        var answer = await _arena.AskAsync("trial", _arena.At("plan.json"));

        Assert.Equal("succeeded", (string?)answer["state"]);
        Assert.True((bool)answer["provisional"]!);
        Assert.Equal(["LoRA", "rsLoRA", "LoRA (other seeds)"], answer["runs"]!.AsArray().Select(run => (string?)run!["method"]));
        Assert.All(answer["runs"]!.AsArray(), run => Assert.Equal("succeeded", (string?)run!["state"]));
        Assert.Equal(3, answer["board"]!["rows"]!.AsArray().Count(row => !(bool)row!["baseline"]!));
        Assert.Equal(2, (int)answer["board"]!["family"]!);
        Assert.NotNull((string?)answer["verdict"]);

        var again = await _arena.AskAsync("watch", "Two");
        Assert.Equal((string?)answer["trial"], (string?)again["trial"]);

        // Ids begin with the time, so that a beginning of the trial's may be that of its runs: it does not name the trial.
        var beginning = await _arena.RunAsync("stop", ((string)answer["trial"]!)[..8]);
        Assert.Equal(3, beginning.ExitCode);
        Assert.DoesNotContain("The trial has ended", beginning.Errors, StringComparison.Ordinal);
        var whole = await _arena.RunAsync("stop", (string)answer["trial"]!);
        Assert.Equal(3, whole.ExitCode);
        Assert.Contains("The trial has ended already", whole.Errors, StringComparison.Ordinal);
        _arena.Write("broken.json", """{"name":"Two","model":"nano"}""");
        var refused = await _arena.RunAsync("trial", _arena.At("broken.json"));
        Assert.Equal(3, refused.ExitCode);
        Assert.Contains("competition", refused.Errors, StringComparison.Ordinal);
    }
}
