using LoraArena.Core.Files;
using LoraArena.Core.Runs;
using LoraArena.Tests.Support;

[assembly: AssemblyFixture(typeof(LoraArena.Worker.Tests.FinishedRun))]

namespace LoraArena.Worker.Tests;

/// <summary>An arena with one short run that has succeeded, for all tests to read.</summary>
public sealed class FinishedRun : IAsyncLifetime
{
    private TestArena _arena = null!;

    /// <summary>The run's id.</summary>
    public string Id { get; private set; } = null!;

    internal TestArena Arena => _arena;

    internal RunFolder Folder => _arena.Folder.Run(Id);

    public async ValueTask InitializeAsync()
    {
        _arena = await TestArena.CreateAsync();
        Id = await _arena.StartAsync(new TrainingOptions { MaxSteps = 3, BatchSize = 4, MaxLength = 48, LearningRate = 0.01 });
        var entry = await _arena.SuperviseAsync(Id, run => RunState.Parse(run.State).IsFinal);
        Assert.Equal("succeeded", entry.State);
    }

    public ValueTask DisposeAsync() => _arena.DisposeAsync();

    /// <summary>A run folder of its own with a copy of this run's spec, changed by the caller.</summary>
    internal RunFolder Another(Func<string, string> change)
    {
        var folder = _arena.Folder.Run(LoraArena.Core.Files.ArenaId.New(TimeProvider.System));
        Directory.CreateDirectory(folder.Path);
        AtomicFile.WriteText(folder.Spec, change(File.ReadAllText(Folder.Spec)));
        return folder;
    }
}
