using System.Text;
using LoraArena.Core.Journal;
using LoraArena.Core.Metrics;
using LoraArena.Core.Runs;
using Microsoft.Extensions.Time.Testing;

namespace LoraArena.Core.Tests.Journal;

public sealed class JournalTests : Folders
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero));

    private RunFolder Run => new(Root);

    private static StepRecord Step(long step, double loss = 1) => new(step, step / 10.0, loss, 1e-4, 0.5, 1000, step, 1 << 20);

    [Fact]
    public void EveryRecord_ComesBackAsItWasWritten()
    {
        JournalRecord[] records =
        [
            new StateRecord(RunState.Running, "loading"),
            new PlanRecord(200, 100, 1600, 400, 338_499, 3_881_091, "cpu: a processor"),
            new PlanRecord(0, 100, 1600, 400, 338_499, 3_881_091, "cpu: a processor") { MaxSeconds = 600 },
            new ResumeRecord(7),
            new StepRecord(1, 0.01, 1.0986123085021973, 5e-4, 0.447, 781.5, 3.25, 1_102_786_560),
            new EvalRecord(100, 1, new Scores(0.95, 0.93, 0.97, 0.44, 0.03, 500)),
            new CheckpointRecord(12),
            new WarningRecord("line\nbreak, \"quotes\" and ünïcode"),
        ];
        using (var writer = new JournalWriter(Run, 3, _time))
        {
            foreach (var record in records) writer.Append(record);
        }

        var read = new JournalReader(Run.Journal).ReadNew();
        Assert.Equal(records.Select((r, i) => r with { N = i + 1, A = 3, At = _time.GetUtcNow() }), read);
        Assert.Equal(records.Length, File.ReadAllLines(Run.Journal).Length);
    }

    [Theory]
    [InlineData(200L, null, 150.0, 0.25)]
    [InlineData(0L, 600.0, 550.0, 50.0 / 600)]
    [InlineData(200L, 600.0, 150.0, 0.25)]
    [InlineData(200L, 80.0, 30.0, 50.0 / 80)]
    [InlineData(0L, null, null, 0.0)]
    public void WhatIsLeft_FollowsFromWhicheverLimitIsNearest(long steps, double? maxSeconds, double? left, double? share)
    {
        var history = new RunHistory();
        Assert.Null(history.Share);
        history.Add(new PlanRecord(steps, 100, 1600, 400, 338_499, 3_881_091, "cpu") { MaxSeconds = maxSeconds });
        Assert.Null(history.SecondsLeft);
        history.Add(Step(50));
        Assert.Equal(left, history.SecondsLeft);
        Assert.Equal(share, history.Share);
    }

    [Fact]
    public void ATornLine_IsPassedOver_AndNumberingGoesOn()
    {
        using (var writer = new JournalWriter(Run, 1, _time))
        {
            for (var i = 1; i <= 3; i++) writer.Append(Step(i));
        }

        // The process dies in the middle of a line, at every possible place of it.
        var whole = File.ReadAllBytes(Run.Journal);
        var start = Array.LastIndexOf(whole, (byte)'\n', whole.Length - 2) + 1;
        for (var cut = start; cut < whole.Length; cut++)
        {
            using (var file = File.Create(Run.Journal)) file.Write(whole.AsSpan(0, cut));
            using (var writer = new JournalWriter(Run, 1, _time))
            {
                writer.Append(Step(3, loss: 3));
                writer.Append(Step(4));
            }

            var read = new JournalReader(Run.Journal).ReadNew();
            Assert.Equal([1, 2, 3, 4], read.Select(r => r.N));
            Assert.Equal([1, 2, 3, 4], read.Cast<StepRecord>().Select(r => r.Step));
        }
    }

    [Fact]
    public void Reader_GivesALineOnlyWhenItIsFinished()
    {
        var line = Encoding.UTF8.GetString((Step(1) with { N = 1 }).ToLine()) + "\n";
        var reader = new JournalReader(Run.Journal);
        Assert.Empty(reader.ReadNew());
        for (var i = 0; i < line.Length; i++)
        {
            File.AppendAllText(Run.Journal, line[i].ToString());
            Assert.Equal(i == line.Length - 1 ? 1 : 0, reader.ReadNew().Count);
        }

        Assert.Empty(reader.ReadNew());
    }

    [Fact]
    public void Reader_PassesOverLinesOutOfOrder()
    {
        string Line(long n) => Encoding.UTF8.GetString((Step(n) with { N = n }).ToLine()) + "\n";
        File.AppendAllText(Run.Journal, Line(1) + Line(3) + "{}\n" + "not json\n" + "\n" + Line(2) + Line(1));
        Assert.Equal([1, 2], new JournalReader(Run.Journal).ReadNew().Select(r => r.N));
    }

    [Fact]
    public void AnAttemptThatWasSuperseded_CannotWrite()
    {
        using var old = new JournalWriter(Run, 1, _time);
        old.Append(Step(1));
        Directory.CreateDirectory(Run.Attempt(2));
        Assert.Throws<AttemptTakenException>(() => old.Append(Step(2)));
        Assert.Single(new JournalReader(Run.Journal).ReadNew());
    }

    [Fact]
    public void History_DropsStepsThatAnInterruptedAttemptDidAfterItsCheckpoint()
    {
        var history = new RunHistory();
        JournalRecord[] records = [
            Step(1), Step(2), new CheckpointRecord(2), Step(3), new EvalRecord(3, 1, new Scores(1, 1, 1, 0, 0, 1)), Step(4),
            new ResumeRecord(2), Step(3, loss: 9), Step(4)];
        foreach (var (record, n) in records.Select((r, i) => (r, i + 1L))) history.Add(record with { N = n });
        Assert.Equal([1, 2, 3, 4], history.Steps.Select(s => s.Step));
        Assert.Equal(9, history.Steps[2].Loss);
        Assert.Empty(history.Evals);
        Assert.Equal(records.Length, history.LastNumber);
    }

    [Fact]
    public void ThinnedCurve_KeepsSpikesAndTheLastStep()
    {
        var history = new RunHistory();
        for (var i = 1; i <= 10_000; i++) history.Add(Step(i, i == 4_321 ? 50 : i == 7_000 ? -5 : 1));
        var thinned = history.ThinnedSteps(300);
        Assert.InRange(thinned.Count, 100, 303);
        Assert.Contains(thinned, s => s.Loss == 50);
        Assert.Contains(thinned, s => s.Loss == -5);
        Assert.Equal(10_000, thinned[^1].Step);
        Assert.Equal(thinned.Select(s => s.Step).Order(), thinned.Select(s => s.Step));
    }

    [Theory]
    [InlineData("""{"t":"telemetry","n":2,"a":1,"at":"2026-01-02T03:04:05+00:00","watts":300}""")]
    [InlineData("""{"t":"step","n":2,"a":1,"at":"2026-01-02T03:04:05+00:00","step":"not a number"}""")]
    public void ARecordOfANewerVersion_IsSkipped_AndWhatFollowsCounts(string line)
    {
        using (var writer = new JournalWriter(Run, 1, _time)) writer.Append(Step(1));
        File.AppendAllText(Run.Journal, line + "\n");
        using (var writer = new JournalWriter(Run, 2, _time)) writer.Append(Step(2));

        Assert.Equal([1L, 3], new JournalReader(Run.Journal).ReadNew().Select(record => record.N));
    }

    [Theory]
    [InlineData("""{"t":"telemetry","n":3}""")]
    [InlineData("""{"t":"telemetry"}""")]
    [InlineData("[1,2]")]
    [InlineData("{\"t\":\"step\",\"n\":2,\"st")]
    public void WhatHasNotTheNextNumber_DoesNotCount(string line)
    {
        using (var writer = new JournalWriter(Run, 1, _time)) writer.Append(Step(1));
        File.AppendAllText(Run.Journal, line + "\n");
        using (var writer = new JournalWriter(Run, 2, _time)) writer.Append(Step(2));

        Assert.Equal([1L, 2], new JournalReader(Run.Journal).ReadNew().Select(record => record.N));
    }
}
