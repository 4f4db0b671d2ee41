using System.Text.Json.Nodes;
using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;

namespace LoraArena.Core.Tests.Runs;

public sealed class RunFolderTests : Folders
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private RunFolder Run => new(Root);

    private static RunLease Lease(int attempt) => new(attempt, "host", 1, 2, null, Now, Now);

    [Fact]
    public void OfManyWorkersThatWantAnAttempt_ExactlyOneGetsIt()
    {
        var won = 0;
        Parallel.For(0, 16, _ =>
        {
            try
            {
                Lease(1).Take(Run);
                Interlocked.Increment(ref won);
            }
            catch (AttemptTakenException)
            {
                // Fifteen of them.
            }
        });
        Assert.Equal(1, won);
        Assert.Equal(Lease(1), RunLease.Read(Run, 1));
    }

    [Fact]
    public void AWorkerThatComesTooLate_GetsNothing()
    {
        Lease(2).Take(Run);
        Assert.Throws<AttemptTakenException>(() => Lease(1).Take(Run));
        Assert.Equal(2, Run.LastAttempt());
    }

    [Fact]
    public void FoldersOfOtherNames_AreNoCheckpointsAndNoAttempts_AndStopNothing()
    {
        string[] steps = ["step-000003", "step-000012", "step-5", "step-0000007", "step-x", "step-"];
        string[] attempts = ["attempt.0002", "attempt.9", "attempt.x"];
        foreach (var path in steps.Select(name => Path.Join(Run.Checkpoints, name)).Concat(attempts.Select(name => Path.Join(Run.Path, name))))
        {
            Directory.CreateDirectory(path);
        }

        Assert.Equal([12, 3], Run.CheckpointSteps());
        Assert.Equal(2, Run.LastAttempt());
        Run.RemoveCheckpoints(keepNewest: true);
        Assert.Equal([12], Run.CheckpointSteps());
        Assert.True(Directory.Exists(Path.Join(Run.Checkpoints, "step-5")));
    }

    [Fact]
    public void Reopen_MovesTheResultIntoItsAttempt_AndForgetsTheRequest()
    {
        new RunResult(RunState.Stopped, 2, Now, "Stopped on request.", 5, null, null).Write(Run);
        new RunRequest(StopWhen.Now).Write(Run);
        Run.Reopen();
        Assert.False(File.Exists(Run.Result));
        Assert.False(File.Exists(Run.Request));
        Assert.True(File.Exists(Path.Join(Run.Attempt(2), "result.json")));
    }

    [Fact]
    public void Spec_ComesBackEqual_AndIsWrittenOnce()
    {
        var spec = new RunSpec(
            ArenaId.New(TimeProvider.System), Now, "ada", "a run", new CompetitionReference("c", "Competition"),
            new DataReference("aa", null), new SplitReference("s", "hold-out", 1),
            new ModelReference("m", "nano", "/models/nano", "bb"), new VariantChoice("lora", new JsonObject { ["r"] = 8 }),
            new TrainingOptions { MaxSteps = 3, HiddenDropout = 0.2 });
        spec.Write(Run.Spec);
        Assert.Equal(spec, RunSpec.Read(Run.Spec));
        Assert.Throws<IOException>(() => spec.Write(Run.Spec));
        Assert.Equal(64, RunSpec.Fingerprint(Run.Spec).Length);
    }

    [Fact]
    public void ASpecOfANewerForm_IsRefused()
    {
        AtomicFile.WriteText(Run.Spec, """{"format": 2, "run": "x", "created": "2026-01-01T00:00:00Z", "owner": "", "name": "", "competition": {"id": "", "name": ""}, "data": {"train": ""}, "split": {"id": "", "name": ""}, "model": {"id": "", "name": "", "path": "", "sha256": ""}, "variant": {"id": "", "options": {}}, "training": {}}""");
        Assert.Contains("format 2", Assert.Throws<JsonFileException>(() => RunSpec.Read(Run.Spec)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("""{"format": 1, "run": "x"}""")]
    public void ASpecThatIsNoSpec_IsRefusedWithItsPath(string content)
    {
        AtomicFile.WriteText(Run.Spec, content);
        Assert.Contains("spec.json", Assert.Throws<JsonFileException>(() => RunSpec.Read(Run.Spec)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void States_FollowOneAnotherOnlyAsTheyMay()
    {
        var allowed = RunState.All.SelectMany(from => RunState.All.Where(from.CanBecome).Select(to => $"{from}>{to}"));
        Assert.Equal(
            [
                "queued>starting", "queued>stopped",
                "starting>running", "starting>interrupted", "starting>succeeded", "starting>failed", "starting>stopped",
                "running>interrupted", "running>succeeded", "running>failed", "running>stopped",
                "interrupted>starting", "interrupted>succeeded", "interrupted>failed", "interrupted>stopped",
                "failed>queued", "stopped>queued",
            ],
            allowed);
        Assert.Equal(["succeeded", "failed", "stopped"], RunState.All.Where(s => s.IsFinal).Select(s => s.Name));
    }

    [Fact]
    public void ThisProcess_IsAlive_AndAnotherOfItsIdIsNot()
    {
        var started = ProcessIdentity.Started(Environment.ProcessId);
        Assert.NotNull(started);
        Assert.True(ProcessIdentity.IsAlive(Environment.ProcessId, started.Value));
        Assert.False(ProcessIdentity.IsAlive(Environment.ProcessId, started.Value + 1));
        Assert.Null(ProcessIdentity.Started(int.MaxValue));
    }
}
