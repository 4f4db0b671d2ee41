using LoraArena.Core.Files;

namespace LoraArena.Core.Tests.Files;

public sealed class AtomicFileTests : Folders
{
    private string File => Path.Join(Root, "file");

    [Fact]
    public void Write_ReplacesTheOldFile_AndLeavesNothingElse()
    {
        AtomicFile.WriteText(File, "old");
        AtomicFile.WriteText(File, "new");
        Assert.Equal("new", System.IO.File.ReadAllText(File));
        Assert.Equal([File], Directory.GetFileSystemEntries(Root));
    }

    [Fact]
    public void AWriterThatFails_LeavesTheOldFileWhole()
    {
        AtomicFile.WriteText(File, "old");
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(File, stream =>
        {
            stream.Write("half of the n"u8);
            throw new InvalidOperationException();
        }));
        Assert.Equal("old", System.IO.File.ReadAllText(File));
        Assert.Equal([File], Directory.GetFileSystemEntries(Root));
    }

    [Fact]
    public void AFolderThatIsNotThere_IsAnIoError() => Assert.ThrowsAny<IOException>(() => AtomicFile.WriteText(Path.Join(Root, "no", "file"), "x"));

    [Fact]
    public void PublishFolder_MovesAllOfIt()
    {
        Directory.CreateDirectory(Path.Join(Root, "x.part"));
        AtomicFile.WriteText(Path.Join(Root, "x.part", "a"), "1");
        AtomicFile.PublishFolder(Path.Join(Root, "x.part"), Path.Join(Root, "x"));
        Assert.Equal("1", System.IO.File.ReadAllText(Path.Join(Root, "x", "a")));
        Assert.False(Directory.Exists(Path.Join(Root, "x.part")));
    }
}
