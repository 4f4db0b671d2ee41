using LoraArena.Core.Files;
using LoraArena.Core.Runs;
using LoraArena.Learning.Checkpoints;

namespace LoraArena.Learning.Tests.Checkpoints;

/// <summary>A checkpoint is whole or it is none: every way in which a crash or a disk can hurt one is passed over for the one before.</summary>
public sealed class CheckpointFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly RunFolder _run;

    public CheckpointFolderTests() => _run = new RunFolder(_folder.Path);

    public static TheoryData<string> Damages => [.. AllDamages.Keys];

    private static Dictionary<string, Action<string>> AllDamages { get; } = new()
    {
        ["one bit of the weights flipped"] = folder => Change(Path.Join(folder, "weights"), bytes => { bytes[5] ^= 1; return bytes; }),
        ["the weights cut short"] = folder => Change(Path.Join(folder, "weights"), bytes => bytes[..^1]),
        ["a byte more"] = folder => Change(Path.Join(folder, "weights"), bytes => [.. bytes, 0]),
        ["the weights gone"] = folder => File.Delete(Path.Join(folder, "weights")),
        ["the weights empty"] = folder => Change(Path.Join(folder, "weights"), _ => []),
        ["the mark gone"] = folder => File.Delete(Path.Join(folder, "COMPLETE")),
        ["the mark empty"] = folder => Change(Path.Join(folder, "COMPLETE"), _ => []),
        ["the mark cut short"] = folder => Change(Path.Join(folder, "COMPLETE"), bytes => bytes[..^10]),
        ["the mark of another step"] = folder =>
            Change(
                Path.Join(folder, "COMPLETE"),
                bytes => System.Text.Encoding.UTF8.GetBytes(System.Text.Encoding.UTF8.GetString(bytes).Replace("20", "10", StringComparison.Ordinal))),
    };

    [Fact]
    public void TheNewest_IsFound()
    {
        Assert.Null(CheckpointFolder.Newest(_run));
        Write(10, "ten");
        Write(20, "twenty");
        AssertNewest(20, "twenty");
    }

    [Theory]
    [MemberData(nameof(Damages))]
    public void ADamagedOne_IsPassedOverForTheOneBefore(string damage)
    {
        Write(10, "ten");
        Write(20, "twenty");
        AllDamages[damage](_run.Checkpoint(20));
        AssertNewest(10, "ten");
    }

    [Theory]
    [MemberData(nameof(Damages))]
    public void WhereAllAreDamaged_ThereIsNone(string damage)
    {
        Write(20, "twenty");
        AllDamages[damage](_run.Checkpoint(20));
        Assert.Null(CheckpointFolder.Newest(_run));
    }

    [Fact]
    public void AWriterThatFails_LeavesNothing()
    {
        Write(10, "ten");
        var error = Assert.Throws<IOException>(() => CheckpointFolder.Write(_run, 20, folder =>
        {
            AtomicFile.WriteText(Path.Join(folder, "weights"), "half");
            throw new IOException("The disk is full.");
        }));
        Assert.Equal("The disk is full.", error.Message);
        Assert.Equal(["step-000010"], Directory.EnumerateFileSystemEntries(_run.Checkpoints).Select(Path.GetFileName));
        AssertNewest(10, "ten");
    }

    [Fact]
    public void WhatAKilledWriterLeaves_IsNoCheckpoint_AndIsRemoved()
    {
        Write(10, "ten");
        var torn = AtomicFile.TemporaryPath(_run.Checkpoint(20));
        Directory.CreateDirectory(torn);
        AtomicFile.WriteText(Path.Join(torn, "weights"), "half");
        AssertNewest(10, "ten");
        Assert.False(Directory.Exists(torn));
    }

    [Fact]
    public void OnlyTheNewestThreeAreKept()
    {
        foreach (var step in new long[] { 1, 2, 30, 100, 7 }) Write(step, $"{step}");
        Assert.Equal([100, 30, 7], _run.CheckpointSteps());
        AssertNewest(100, "100");
    }

    [Fact]
    public void AFolderOfAnotherName_EndsNoWriter()
    {
        Directory.CreateDirectory(Path.Join(_run.Checkpoints, "step-5"));
        foreach (var step in new long[] { 10, 20, 30, 40 }) Write(step, $"{step}");
        Assert.Equal([40, 30, 20], _run.CheckpointSteps());
        AssertNewest(40, "40");
    }

    [Fact]
    public void TheSameStepAgain_ReplacesTheFirst()
    {
        Write(10, "first");
        Write(10, "second");
        AssertNewest(10, "second");
    }

    public void Dispose() => _folder.Dispose();

    private void Write(long step, string content)
        => CheckpointFolder.Write(_run, step, folder => AtomicFile.WriteText(Path.Join(folder, "weights"), content + " and more"));

    private void AssertNewest(long step, string content)
    {
        var newest = CheckpointFolder.Newest(_run);
        Assert.Equal((step, _run.Checkpoint(step)), newest);
        Assert.Equal(content + " and more", File.ReadAllText(Path.Join(newest!.Value.Folder, "weights")));
    }

    private static void Change(string path, Func<byte[], byte[]> change) => AtomicFile.WriteBytes(path, change(File.ReadAllBytes(path)));
}
