using System.Text;
using LoraArena.Learning.Files;

namespace LoraArena.Learning.Tests.Files;

/// <summary>
/// Files that must not be read. The cases are those of Hugging Face's own reader (safetensors/src/tensor.rs and attacks/README.md) and some more.
/// </summary>
public sealed class SafetensorsRefusalTests : IDisposable
{
    private const string Good = """{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""";

    private static readonly Dictionary<string, (Func<byte[]> File, string Says)> Cases = new()
    {
        ["an empty file"] = (() => [], "too few for a header"),
        ["seven bytes"] = (() => new byte[7], "too few for a header"),
        ["a header of length 0"] = (() => RawSafetensors.Of("", 0), "must begin with '{'"),
        ["a header length of 2^63"] = (() => RawSafetensors.WithLength(1UL << 63, Encoding.UTF8.GetBytes(Good)), "9223372036854775808 bytes"),
        ["a header length of 2^64 - 1"] = (() => RawSafetensors.WithLength(ulong.MaxValue, Encoding.UTF8.GetBytes(Good)), "18446744073709551615 bytes"),
        ["a header length of the file's size - 7"] =
            (() => RawSafetensors.WithLength((ulong)Good.Length + 1, Encoding.UTF8.GetBytes(Good)), "the file ends after"),
        ["a header length one byte too short"] =
            (() => RawSafetensors.WithLength((ulong)Good.Length - 1, Encoding.UTF8.GetBytes(Good + "12345678")), "not valid JSON"),
        ["a header above the limit"] = (() => RawSafetensors.WithLength((16 << 20) + 1, Encoding.UTF8.GetBytes(Good)), "at most 16777216 are read"),
        ["a header that is not UTF-8"] = (
            () => RawSafetensors.Of([.. "{\""u8, 0xff, 0xfe, .. "\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}"u8], 0),
            "not valid JSON"),
        ["a name with half a surrogate pair"] = (() => RawSafetensors.Of(RawSafetensors.Tensor("\\ud83d", "F32", "[0]", "[0,0]"), 0), "not valid JSON"),
        ["a header that is not JSON"] = (() => RawSafetensors.Of("{x}", 0), "not valid JSON"),
        ["a header that is a list"] = (() => RawSafetensors.Of("[]", 0), "must begin with '{'"),
        ["white space before the header"] = (() => RawSafetensors.Of(" " + Good, 8), "must begin with '{'"),
        ["a byte order mark before the header"] = (() => RawSafetensors.Of("\ufeff" + Good, 8), "must begin with '{'"),
        ["another object after the header's"] = (() => RawSafetensors.Of(Good + "{}", 8), "not valid JSON"),
        ["a comment in the header"] = (() => RawSafetensors.Of(Good + "/**/", 8), "not valid JSON"),
        ["a trailing comma"] = (() => RawSafetensors.Of(Good[..^1] + ",}", 8), "not valid JSON"),
        ["nesting of a thousand"] = (() => RawSafetensors.Of("{\"x\":" + new string('[', 1000) + new string(']', 1000) + "}", 0), "not valid JSON"),
        ["a header without its end"] = (() => RawSafetensors.Of(Good[..^1], 8), "not valid JSON"),
        ["the same name twice"] = (() => RawSafetensors.Of($"{Good[..^1]},{Good[1..]}", 8), "'x' stands twice"),
        ["the same name twice, once in escapes"] =
            (() => RawSafetensors.Of($"{Good[..^1]},{Good[1..].Replace("\"x\"", "\"\\u0078\"", StringComparison.Ordinal)}", 8), "'x' stands twice"),
        ["the same field twice"] = (() => RawSafetensors.Of("""{"x":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8), "unknown or doubled"),
        ["a field that the format does not know"] = (() => RawSafetensors.Of("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"file":"/etc/passwd"}}""", 8), "unknown or doubled"),
        ["a tensor without a type"] = (() => RawSafetensors.Of("""{"x":{"shape":[2],"data_offsets":[0,8]}}""", 8), "lacks dtype"),
        ["a tensor without a shape"] = (() => RawSafetensors.Of("""{"x":{"dtype":"F32","data_offsets":[0,8]}}""", 8), "lacks dtype"),
        ["a tensor without offsets"] = (() => RawSafetensors.Of("""{"x":{"dtype":"F32","shape":[2]}}""", 8), "lacks dtype"),
        ["a tensor that is a number"] = (() => RawSafetensors.Of("""{"x":1}""", 0), "not valid JSON"),
        ["a tensor that is null"] = (() => RawSafetensors.Of("""{"x":null}""", 0), "not valid JSON"),
        ["a type that nobody knows"] = (() => RawSafetensors.Of(RawSafetensors.Tensor("x", "F31", "[2]", "[0,8]"), 8), "dtype 'F31'"),
        ["a type of eight bits"] = (() => RawSafetensors.Of(RawSafetensors.Tensor("x", "F8_E4M3", "[8]", "[0,8]"), 8), "dtype 'F8_E4M3'"),
        ["a type of four bits"] = (() => RawSafetensors.Of(RawSafetensors.Tensor("x", "F4", "[16]", "[0,8]"), 8), "dtype 'F4'"),
        ["a type in lower case"] = (() => RawSafetensors.Of(RawSafetensors.Tensor("x", "f32", "[2]", "[0,8]"), 8), "dtype 'f32'"),
        ["a shape that takes more bytes"] =
            (() => RawSafetensors.Of(RawSafetensors.Tensor("x", "F32", "[3]", "[0,8]"), 8), "takes 12 bytes, but the header gives it 8"),
        ["a shape that takes fewer bytes"] =
            (() => RawSafetensors.Of(RawSafetensors.Tensor("x", "F32", "[1]", "[0,8]"), 8), "takes 4 bytes, but the header gives it 8"),
        ["a size below zero"] = (() => RawSafetensors.Of(RawSafetensors.Tensor("x", "F32", "[-2]", "[0,8]"), 8), "not a whole number from 0"),
        ["a size that is a fraction"] = (() => RawSafetensors.Of(RawSafetensors.Tensor("x", "F32", "[2.0]", "[0,8]"), 8), "not a whole number from 0"),
        ["a size that is text"] = (() => RawSafetensors.Of(RawSafetensors.Tensor("x", "F32", "[\"2\"]", "[0,8]"), 8), "is not a number"),
        ["a size of 2^64"] = (() => RawSafetensors.Of(RawSafetensors.Tensor("x", "F32", "[18446744073709551616]", "[0,8]"), 8), "not a whole number from 0"),
        ["sizes whose product wraps round to 2"] =
            (() => RawSafetensors.Of(RawSafetensors.Tensor("x", "F32", "[9223372036854775807,9223372036854775806]", "[0,8]"), 8), "too large for any file"),
        ["a size that overflows with its type"] =
            (() => RawSafetensors.Of(RawSafetensors.Tensor("x", "F32", "[4611686018427387906]", "[0,8]"), 8), "too large for any file"),
        ["forty dimensions"] = (
            () => RawSafetensors.Of(RawSafetensors.Tensor("x", "F32", "[" + string.Join(",", Enumerable.Repeat("1", 40)) + "]", "[0,4]"), 4),
            "more than 16 sizes"),
        ["an offset below zero"] = (() => RawSafetensors.Of(RawSafetensors.Tensor("x", "F32", "[2]", "[-8,0]"), 8), "not a whole number from 0"),
        ["one offset"] = (() => RawSafetensors.Of(RawSafetensors.Tensor("x", "F32", "[2]", "[8]"), 8), "lacks dtype"),
        ["three offsets"] = (() => RawSafetensors.Of(RawSafetensors.Tensor("x", "F32", "[2]", "[0,8,8]"), 8), "more than 2 sizes"),
        ["an end before its beginning"] = (() => RawSafetensors.Of(RawSafetensors.Tensor("x", "F32", "[2]", "[8,0]"), 8), "before it begins"),
        ["an offset of 2^63 - 1"] = (
            () => RawSafetensors.Of(RawSafetensors.Tensor("x", "F32", "[0]", "[9223372036854775807,9223372036854775807]"), 8),
            "ends beyond any file"),
        ["an end of 2^63 - 1"] = (
            () => RawSafetensors.Of(RawSafetensors.Tensor("x", "U8", "[9223372036854775807]", "[0,9223372036854775807]"), 8),
            "beyond any file"),
        ["a hole before the first tensor"] = (() => RawSafetensors.Of(RawSafetensors.Tensor("x", "F32", "[2]", "[4,12]"), 12), "overlap or leave a hole"),
        ["a hole between tensors"] = (() => RawSafetensors.Of(Two("[0,8]", "[12,20]"), 20), "overlap or leave a hole"),
        ["tensors that overlap"] = (() => RawSafetensors.Of(Two("[0,8]", "[4,12]"), 12), "overlap or leave a hole"),
        ["ten tensors on the same bytes"] = (
            () => RawSafetensors.Of(
                "{" + string.Join(",", Enumerable.Range(0, 10).Select(i => RawSafetensors.Tensor($"x{i}", "F32", "[2]", "[0,8]")[1..^1])) + "}",
                8),
            "overlap or leave a hole"),
        ["a byte after the data"] = (() => RawSafetensors.Of(Good, 9), "cut off or something was added"),
        ["a byte less than the data"] = (() => RawSafetensors.Of(Good, 7), "cut off or something was added"),
        ["data without a tensor"] = (() => RawSafetensors.Of("{}", 8), "cut off or something was added"),
        ["metadata that is a list"] = (() => RawSafetensors.Of("""{"__metadata__":[]}""", 0), "not valid JSON"),
        ["metadata with a number"] = (() => RawSafetensors.Of("""{"__metadata__":{"format":1}}""", 0), "not valid JSON"),
        ["metadata with an object"] = (() => RawSafetensors.Of("""{"__metadata__":{"format":{"a":"b"}}}""", 0), "not valid JSON"),
        ["metadata with null"] = (() => RawSafetensors.Of("""{"__metadata__":{"format":null}}""", 0), "not valid JSON"),
        ["a metadata key twice"] = (() => RawSafetensors.Of("""{"__metadata__":{"a":"b","a":"c"}}""", 0), "'a' stands twice"),
        ["a file of torch.save"] = (() => [0x50, 0x4b, 3, 4, 0, 0, 8, 8, .. new byte[64]], "PyTorch pickle"),
        ["a file of torch.save before version 1.6"] = (() => [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, .. new byte[64]], "PyTorch pickle"),
        ["a pickle of protocol 2"] = (() => [0x80, 2, 0x7d, 0x71, 0, 0x58, 6, 0, .. new byte[64]], "PyTorch pickle"),
        ["a pickle of protocol 4"] = (() => [0x80, 4, 0x95, 0x30, 0, 0, 0, 0, .. new byte[64]], "PyTorch pickle"),
        ["a pickle of protocol 5"] = (() => [0x80, 5, 0x95, 0x30, 0, 0, 0, 0, .. new byte[64]], "PyTorch pickle"),
        ["a GGUF file"] = (() => [.. "GGUF"u8, 3, 0, 0, 0, .. new byte[64]], "GGUF"),
        ["a Git LFS pointer"] = (
            () => Encoding.UTF8.GetBytes("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
            "this is a Git LFS pointer"),
    };

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Names => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Open_Refuses(string name)
    {
        var (file, says) = Cases[name];
        var path = _folder.Write("model.safetensors", file());
        var error = Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(path).Dispose());
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
        Assert.Equal(path, error.Path);
        Assert.InRange(error.Message.Length, 1, path.Length + 400);
    }

    [Fact]
    public void Open_TakesTheFileThatTheCasesStartFrom()
    {
        // The negative control of all the cases above.
        using var file = SafetensorsFile.Open(_folder.Write("model.safetensors", RawSafetensors.Of(Good, 8)));
        Assert.Equal(["x"], file.Entries.Select(e => e.Name));
    }

    [Fact]
    public void Open_RefusesAHundredMegabytesOfSpacesWithoutReadingThem()
    {
        const int Bytes = 100 << 20;
        var path = _folder.At("model.safetensors");
        using (var file = File.Create(path))
        {
            file.Write(RawSafetensors.WithLength(Bytes, []));
            file.SetLength(8 + Bytes);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(path).Dispose());
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void Open_KeepsItsMessageShortWhenANameIsAMegabyte()
    {
        var path = _folder.Write("model.safetensors", RawSafetensors.Of(RawSafetensors.Tensor(new string('n', 1 << 20), "F31", "[2]", "[0,8]"), 8));
        var error = Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(path).Dispose());
        Assert.InRange(error.Message.Length, 1, path.Length + 300);
    }

    [Fact]
    public void Open_SaysThatAFileIsMissing()
        => Assert.Contains(
            "cannot be opened", Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(_folder.At("absent.safetensors"))).Message,
            StringComparison.Ordinal);

    [Fact]
    public void Open_RefusesAFolder()
        => Assert.Contains("cannot be opened", Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(_folder.Path)).Message, StringComparison.Ordinal);

    [Fact]
    public void AnUnknownTensor_IsRefusedByName()
    {
        using var file = SafetensorsFile.Open(_folder.Write("model.safetensors", RawSafetensors.Of(Good, 8)));
        Assert.Contains("no tensor 'y'", Assert.Throws<SafetensorsException>(() => file.Read("y")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AFileThatIsCutShortWhileItIsOpen_IsATypedErrorAndLeavesNoTensor()
    {
        const int Elements = 1 << 20;
        var path = _folder.Write("model.safetensors", RawSafetensors.Of(RawSafetensors.Tensor("x", "U8", $"[{Elements}]", $"[0,{Elements}]"), Elements));
        using var file = SafetensorsFile.Open(path);
        using (var writer = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite)) writer.SetLength(Elements / 2);

        var before = LiveTensors.OfThisThread();
        Assert.Contains("cut short while it was open", Assert.Throws<SafetensorsException>(() => file.Read("x")).Message, StringComparison.Ordinal);
        Assert.Equal(before, LiveTensors.OfThisThread());
    }

    public void Dispose() => _folder.Dispose();

    private static string Two(string first, string second)
        => $"{RawSafetensors.Tensor("x", "F32", "[2]", first)[..^1]},{RawSafetensors.Tensor("y", "F32", "[2]", second)[1..]}";
}
