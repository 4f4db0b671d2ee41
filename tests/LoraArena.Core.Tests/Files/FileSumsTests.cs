using LoraArena.Core.Files;
using Microsoft.Extensions.Time.Testing;

namespace LoraArena.Core.Tests.Files;

public sealed class FileSumsTests : Folders
{
    private static readonly DateTime Written = new(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc);
    private readonly FakeTimeProvider _time = new(Written + TimeSpan.FromMinutes(1));

    private string Model => Path.Join(Root, "model.safetensors");

    private string Memory => Path.Join(Root, "cache", "file-sums.json");

    [Fact]
    public void AFileThatIsTheSame_IsNotReadAgain()
    {
        Put("weights");
        var sum = Sum();
        Assert.Equal(FileSums.Compute(Model), sum);

        // Other bytes of the same length and time: only reading would tell.
        Put("changed");
        Assert.Equal(sum, Sum());
    }

    [Fact]
    public void AnotherTimeOrSize_IsReadAnew()
    {
        Put("weights");
        Sum();
        Put("changed", Written + TimeSpan.FromSeconds(1));
        Assert.Equal(FileSums.Compute(Model), Sum());
        Put("longer weights", Written + TimeSpan.FromSeconds(1));
        Assert.Equal(FileSums.Compute(Model), Sum());
    }

    [Fact]
    public void WhatWasWrittenAMomentAgo_IsNotRemembered()
    {
        var now = _time.GetUtcNow().UtcDateTime - TimeSpan.FromSeconds(2);
        Put("weights", now);
        Sum();
        Put("changed", now);
        Assert.Equal(FileSums.Compute(Model), Sum());
    }

    [Fact]
    public void ALinkIsItsTarget()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links take rights there.");
        Put("weights");
        var link = Path.Join(Root, "link");
        File.CreateSymbolicLink(link, Model);
        Sum(link);
        Put("others!", Written + TimeSpan.FromSeconds(1));
        Assert.Equal(FileSums.Compute(Model), Sum(link));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{ half")]
    [InlineData("[1]")]
    public void ADamagedMemory_IsAsGoodAsNone(string content)
    {
        Put("weights");
        Directory.CreateDirectory(Path.GetDirectoryName(Memory)!);
        AtomicFile.WriteText(Memory, content);
        Assert.Equal(FileSums.Compute(Model), Sum());
        Put("changed");
        Assert.NotEqual(FileSums.Compute(Model), Sum());
    }

    private string Sum(string? file = null)
    {
        var sums = new FileSums(Memory, _time);
        var sum = sums.Of(file ?? Model);
        sums.Save();
        return sum;
    }

    private void Put(string text, DateTime? written = null)
    {
        AtomicFile.WriteText(Model, text);
        File.SetLastWriteTimeUtc(Model, written ?? Written);
    }
}
