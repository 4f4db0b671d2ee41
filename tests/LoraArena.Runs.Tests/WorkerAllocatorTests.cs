using LoraArena.Runs.Launching;

namespace LoraArena.Runs.Tests;

/// <summary>Which library hands out the worker's memory.</summary>
public sealed class WorkerAllocatorTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("allocator").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void TcmallocIsTakenWhereItIs_UnlessAnotherOrNoneIsAskedFor()
    {
        var (first, second) = (Folder("first"), Folder("second"));
        Assert.Null(WorkerAllocator.Find(null, [first, second]));
        var whole = Library(first, "libtcmalloc.so.4");
        Assert.Equal(whole, WorkerAllocator.Find("", [first, second]));
        var minimal = Library(second, "libtcmalloc_minimal.so.4");
        Assert.Equal(minimal, WorkerAllocator.Find(null, [first, second]));
        var own = Library(first, "libown.so");
        Assert.Equal(own, WorkerAllocator.Find(own, [first, second]));
        Assert.Null(WorkerAllocator.Find("none", [first, second]));
    }

    [Theory]
    [InlineData("/nowhere/libown.so")]
    [InlineData("libown.so")]
    public void AFileThatIsNotThere_IsRefusedByName(string chosen)
    {
        var error = Assert.Throws<WorkerException>(() => WorkerAllocator.Find(chosen, [_folder]));
        Assert.Contains($"LORAARENA_ALLOCATOR names {chosen},", error.Message, StringComparison.Ordinal);
    }

    private string Folder(string name) => Directory.CreateDirectory(Path.Join(_folder, name)).FullName;

    private static string Library(string folder, string name)
    {
        var path = Path.Join(folder, name);
        using (File.Create(path)) return path;
    }
}
