using LoraArena.Core.Runs;
using LoraArena.Tests.Support;

namespace LoraArena.Faults.Tests;

/// <summary>An arena with a run that nothing has happened to: what every other of the same spec must come to.</summary>
public sealed class UndisturbedRun : IAsyncLifetime
{
    public static TrainingOptions Training { get; } = new() { MaxSteps = 40, BatchSize = 4, MaxLength = 48, SaveSteps = 7, CheckpointSeconds = 3600, Seed = 5 };

    internal TestArena Arena { get; private set; } = null!;

    public string Id { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Arena = await TestArena.CreateAsync();
        Id = await Arena.StartAsync(Training);
        Assert.Equal("succeeded", (await Arena.SuperviseAsync(Id, run => RunState.Parse(run.State).IsFinal)).State);
    }

    public ValueTask DisposeAsync() => Arena.DisposeAsync();
}
