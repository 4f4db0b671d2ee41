namespace LoraArena.Core.Tests;

/// <summary>A folder of a test's own, removed with it.</summary>
public abstract class Folders : IDisposable
{
    protected string Root { get; } = Directory.CreateTempSubdirectory("arena-test-").FullName;

    public void Dispose()
    {
        Directory.Delete(Root, recursive: true);
        GC.SuppressFinalize(this);
    }
}
