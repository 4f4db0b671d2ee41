using LoraArena.Core.Files;
using LoraArena.Runs.Launching;
using LoraArena.Tests.Support;

namespace LoraArena.Runs.Tests;

/// <summary>When the answer of a worker, which is kept, is asked for again.</summary>
public sealed class WorkerKeyTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("arena-worker-").FullName;

    private string Key => WorkerKey.Of("hash", _folder, null, "host", Path.Join(_folder, "driver"));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void TheKey_ChangesWithTheHost_TheBuild_AndAChosenLibtorch()
    {
        string[] keys =
        [
            Key, WorkerKey.Of("hash", _folder, null, "other", Path.Join(_folder, "driver")),
            WorkerKey.Of("other", _folder, null, "host", Path.Join(_folder, "driver")),
            WorkerKey.Of("hash", _folder, "/opt/torch", "host", Path.Join(_folder, "driver")),
        ];
        Assert.Equal(4, keys.Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(Key, Key);
    }

    [Theory]
    [InlineData("libtorch/libtorch_cuda.so")]
    [InlineData("libtorch/libtorch_cpu.so")]
    [InlineData("runtimes/linux-x64/native/libtorch_cuda.so")]
    [InlineData("libc10_cuda.so")]
    [InlineData("driver/version")]
    public void TheKey_ChangesWithTheFlavour_AndTheDriver(string file)
    {
        var before = Key;
        Write(file, "one");
        var first = Key;
        Write(file, "another");
        Assert.Equal(3, new[] { before, first, Key }.Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public void TheKey_ChangesWithTheGpusOfTheDriver_AndWithTheFilesOfAChosenLibtorch()
    {
        Write("driver/version", "one");
        var before = Key;
        Directory.CreateDirectory(Path.Join(_folder, "driver", "gpus", "0000:01:00.0"));
        Assert.NotEqual(before, Key);

        string chosen() => WorkerKey.Of("hash", _folder, Path.Join(_folder, "torch"), "host", "");
        var empty = chosen();
        Write("torch/lib/libtorch_cpu.so", "one");
        Assert.NotEqual(empty, chosen());
    }

    [Fact]
    public async Task AnAnswerFromAnotherHost_IsNotTaken()
    {
        await using var arena = await TestArena.CreateAsync();
        var path = Path.Join(arena.Folder.Root, "worker.json");
        var here = await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken);
        var stale = here.Replace("\"id\": \"cpu\"", "\"id\": \"cuda:7\"", StringComparison.Ordinal);
        Assert.NotEqual(here, stale);

        // The negative control: from this host it is.
        AtomicFile.WriteText(path, stale);
        Assert.Contains(await DevicesAsync(arena), id => id == "cuda:7");

        AtomicFile.WriteText(path, stale.Replace($"|{Environment.MachineName}|", "|elsewhere|", StringComparison.Ordinal));
        Assert.DoesNotContain(await DevicesAsync(arena), id => id == "cuda:7");
    }

    private static async Task<IReadOnlyList<string>> DevicesAsync(TestArena arena)
        => [.. (await new WorkerCatalog(arena.Folder).DescribeAsync(TestContext.Current.CancellationToken)).Devices.Select(device => device.Id)];

    private void Write(string name, string content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.Join(_folder, name))!);
        AtomicFile.WriteText(Path.Join(_folder, name), content);
    }
}
