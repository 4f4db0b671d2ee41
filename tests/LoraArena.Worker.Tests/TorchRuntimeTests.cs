using LoraArena.Core.Files;

namespace LoraArena.Worker.Tests;

/// <summary>Folders that LORAARENA_LIBTORCH may name by mistake. Each is refused with a sentence before libtorch can end the process.</summary>
public sealed class TorchRuntimeTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("arena-torch-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public Task AFolderThatIsNotThere_IsRefused()
        => AssertRefused(Path.Join(_folder, "none"), "no torch_cpu library is in it");

    [Fact]
    public Task AFolderWithoutLibtorch_IsRefused()
        => AssertRefused(_folder, "no torch_cpu library is in it");

    [Theory]
    [InlineData("version.py", "__version__ = '2.13.0+cpu'", "2.13.0")]
    [InlineData("build-version", "1.9.0", "1.9.0")]
    public Task AnotherVersion_IsRefused(string file, string content, string version)
    {
        MakeLibrary();
        AtomicFile.WriteText(Path.Join(_folder, file), content);
        return AssertRefused(_folder, $"holds PyTorch {version}, but TorchSharp");
    }

    [Fact]
    public Task ALibraryThatIsNone_IsRefused()
    {
        MakeLibrary();
        AtomicFile.WriteText(Path.Join(_folder, "version.py"), "__version__ = '2.10.0+cpu'");
        return AssertRefused(_folder, "cannot be loaded");
    }

    private void MakeLibrary()
    {
        Directory.CreateDirectory(Path.Join(_folder, "lib"));
        AtomicFile.WriteText(Path.Join(_folder, "lib", "libtorch_cpu.so"), "not a library");
    }

    private static async Task AssertRefused(string folder, string says)
    {
        var ended = await WorkerProcess.RunAsync(new Dictionary<string, string> { ["LORAARENA_LIBTORCH"] = folder }, ["describe"]);

        Assert.Equal((1, ""), (ended.ExitCode, ended.Output));
        Assert.Contains(says, ended.Errors, StringComparison.Ordinal);
        Assert.Contains(folder, ended.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", ended.Errors, StringComparison.Ordinal);
    }
}
