using LoraArena.Core.Runs;
using LoraArena.Runs.Following;

namespace LoraArena.Runs.Tests;

public sealed class ReconcilerTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly RunResult Result = new(RunState.Succeeded, 1, Now, null, 10, null, null);
    private static readonly RunRequest StopRequest = new(StopWhen.Now);

    private static RunLease Lease(double secondsAgo) => new(1, "host", 1, 2, null, Now.AddMinutes(-5), Now.AddSeconds(-secondsAgo));

    private static Decision Decide(RunState state, RunObservation signs, double attemptSecondsAgo = 5, double requestSecondsAgo = 5)
        => Reconciler.Decide(state, signs, Now.AddSeconds(-attemptSecondsAgo), signs.Request is null ? null : Now.AddSeconds(-requestSecondsAgo), Now);

    public static TheoryData<string> Active => ["starting", "running", "interrupted"];

    [Theory]
    [MemberData(nameof(Active))]
    public void AResult_BeatsEveryOtherSign(string state)
    {
        foreach (var alive in new bool?[] { true, false, null })
        {
            foreach (var lease in new[] { null, Lease(0), Lease(1000) })
            {
                foreach (var request in new[] { null, StopRequest })
                {
                    Assert.Equal(
                        new Decision.Ended(Result),
                        Decide(RunState.Parse(state), new RunObservation(Result, request, lease, alive), attemptSecondsAgo: 1000, requestSecondsAgo: 1000));
                }
            }
        }
    }

    [Fact]
    public void AWorkerThatJustStarts_IsWaitedFor() => Assert.IsType<Decision.Wait>(Decide(RunState.Starting, new RunObservation(null, null, null, true)));

    [Fact]
    public void AStartOfWhichNothingIsKnown_IsGivenUpAfterAMinute()
    {
        Assert.IsType<Decision.Wait>(Decide(RunState.Starting, new RunObservation(null, null, null, null), attemptSecondsAgo: 59));
        Assert.IsType<Decision.Died>(Decide(RunState.Starting, new RunObservation(null, null, null, null), attemptSecondsAgo: 61));
    }

    [Fact]
    public void ASlowStart_IsNotGivenUpWhileItsProcessLives()
        => Assert.IsType<Decision.Wait>(Decide(RunState.Starting, new RunObservation(null, null, null, true), attemptSecondsAgo: 1000));

    [Fact]
    public void AWorkerWithALease_Runs() => Assert.Equal(new Decision.Running(null), Decide(RunState.Starting, new RunObservation(null, null, Lease(1), true)));

    [Fact]
    public void ADeadProcess_IsADeath_HoweverFreshItsHeartbeat()
        => Assert.IsType<Decision.Died>(Decide(RunState.Running, new RunObservation(null, null, Lease(0), false)));

    [Fact]
    public void ALivingProcess_IsNeverDead_HoweverOldItsHeartbeat()
        => Assert.Equal(new Decision.Running(null), Decide(RunState.Running, new RunObservation(null, null, Lease(10_000), true)));

    [Fact]
    public void AnotherMachinesSilence_IsLostContact_NotDeath()
    {
        Assert.Equal(new Decision.Running(null), Decide(RunState.Running, new RunObservation(null, null, Lease(14), null)));
        Assert.Equal(new Decision.Running("lost contact"), Decide(RunState.Running, new RunObservation(null, null, Lease(16), null)));
        Assert.Equal(new Decision.Running("lost contact"), Decide(RunState.Running, new RunObservation(null, null, Lease(1_000_000), null)));
    }

    [Fact]
    public void AnInterruptedRun_Waits_UnlessItIsToStop()
    {
        Assert.IsType<Decision.Wait>(Decide(RunState.Interrupted, new RunObservation(null, null, Lease(100), false)));
        Assert.IsType<Decision.Stop>(Decide(RunState.Interrupted, new RunObservation(null, StopRequest, Lease(100), false)));
    }

    [Fact]
    public void ARequestToStopAtOnce_HasTwentySeconds_AndOneForACheckpointAsLongAsItTakes()
    {
        Assert.Equal(new Decision.Running(null), Decide(RunState.Running, new RunObservation(null, StopRequest, Lease(1), true), requestSecondsAgo: 19));
        Assert.IsType<Decision.Kill>(Decide(RunState.Running, new RunObservation(null, StopRequest, Lease(1), true), requestSecondsAgo: 21));
        Assert.Equal(
            new Decision.Running(null),
            Decide(RunState.Running, new RunObservation(null, new RunRequest(StopWhen.AfterCheckpoint), Lease(1), true), requestSecondsAgo: 1000));
    }

    [Theory]
    [InlineData(StopWhen.Now)]
    [InlineData(StopWhen.AfterCheckpoint)]
    public void AWorkerThatDiesAfterARequestToStop_IsStopped_NotBegunAgain(StopWhen when)
    {
        var request = new RunRequest(when);
        Assert.IsType<Decision.Stop>(Decide(RunState.Running, new RunObservation(null, request, Lease(1), false)));
        Assert.IsType<Decision.Stop>(Decide(RunState.Starting, new RunObservation(null, request, null, false)));
        Assert.IsType<Decision.Died>(Decide(RunState.Running, new RunObservation(null, null, Lease(1), false)));
    }

    [Fact]
    public void ASilentWorkerOnAnotherMachine_IsEndedOnRequest_AndLeftAloneWithoutOne()
    {
        Assert.IsType<Decision.Stop>(Decide(RunState.Running, new RunObservation(null, StopRequest, Lease(61), null)));
        Assert.Equal(new Decision.Running(Reconciler.LostContact), Decide(RunState.Running, new RunObservation(null, StopRequest, Lease(59), null)));
        Assert.Equal(new Decision.Running(Reconciler.LostContact), Decide(RunState.Running, new RunObservation(null, null, Lease(1_000_000), null)));
    }

    [Fact]
    public void AnAttemptThatNobodyTook_IsStoppedWhereThatIsAskedFor()
        => Assert.IsType<Decision.Stop>(Decide(RunState.Starting, new RunObservation(null, StopRequest, null, null), attemptSecondsAgo: 61));
}
