using CsCheck;
using LoraArena.Learning.Files;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Files;

/// <summary>What is read and written, against files of Hugging Face's safetensors 0.8.0 (see Fixtures/make_safetensors.py) and against itself.</summary>
public sealed class SafetensorsFormatTests : IDisposable
{
    private static readonly ScalarType[] Types =
    [
        ScalarType.Bool, ScalarType.Byte, ScalarType.Int8, ScalarType.Int16, ScalarType.Int32, ScalarType.Int64, ScalarType.Float16,
        ScalarType.BFloat16, ScalarType.Float32, ScalarType.Float64,
    ];

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> WrittenByHuggingFace =>
    [
        "safetensors/types.safetensors", "safetensors/names.safetensors", "bert-tiny/model.safetensors", "bert-tiny/expected.safetensors",
        "llama-tiny/model.safetensors", "llama-tiny/adapter/adapter_model.safetensors",
    ];

    [Fact]
    public void EveryTypeOfHuggingFacesFile_IsReadExactly()
    {
        using var scope = NewDisposeScope();
        using var file = SafetensorsFile.Open(Torch.Fixture("safetensors", "types.safetensors"));
        Assert.Equal(Types.Length * 2 + 3, file.Entries.Count);
        foreach (var entry in file.Entries)
        {
            var read = file.Read(entry.Name);
            Assert.Equal(entry.Shape, read.shape);
            var values = read.to(ScalarType.Float64).view(-1).data<double>().ToArray();
            Assert.Equal(Enumerable.Range(0, values.Length).Select(i => Expected(entry.Dtype, i)), values);
        }

        static double Expected(string dtype, int i) => dtype switch
        {
            "BOOL" => i % 2,
            "U8" => i * 37 % 251,
            "I8" => Math.Clamp((i * 37 % 251) - 100, -128, 127),
            _ => (i * 37 % 251) - 100,
        };
    }

    [Fact]
    public void NamesAndMetadataOfHuggingFacesFile_AreReadExactly()
    {
        using var file = SafetensorsFile.Open(Torch.Fixture("safetensors", "names.safetensors"));
        Assert.Equal(["Gewicht ü/模型", "a\"b\\c\n<&+'>"], file.Entries.Select(e => e.Name));
        Assert.Equal([KeyValuePair.Create("format", "pt")], file.Metadata);
    }

    [Theory]
    [MemberData(nameof(WrittenByHuggingFace))]
    public void WhatIsWritten_IsByteForByteWhatHuggingFaceWrites(string fixture)
    {
        using var scope = NewDisposeScope();
        var original = Torch.Fixture(fixture.Split('/'));
        using var file = SafetensorsFile.Open(original);

        // In another order than the file's, so that the order is the writer's own.
        var tensors = file.Entries.Reverse().ToDictionary(e => e.Name, e => file.Read(e.Name));
        SafetensorsWriter.Write(_folder.At("written.safetensors"), tensors, file.Metadata);
        Assert.Equal(File.ReadAllBytes(original), File.ReadAllBytes(_folder.At("written.safetensors")));
    }

    [Fact]
    public void WrittenTensors_AreReadBackBitForBit()
    {
        // Any type, up to three dimensions of up to five, any bits (so infinities, NaN with payloads and denormals too), any names.
        var shape = Gen.Long[0, 5].Array[0, 3];
        var tensor = Gen.Select(Gen.Int[0, Types.Length - 1].Select(i => Types[i]), shape, Gen.Byte.Array[1000]);
        var name = Gen.String[Gen.Char["ab.é模\"\\/\n\u0001"], 1, 12];
        Gen.Dictionary(name, tensor)[0, 6].Sample(
            content =>
            {
                using var scope = NewDisposeScope();
                var written = content.ToDictionary(p => p.Key, p => OfBytes(p.Value.Item1, p.Value.Item2, p.Value.Item3));
                SafetensorsWriter.Write(_folder.At("x.safetensors"), written, new Dictionary<string, string> { ["format"] = "pt", ["note"] = "ü" });
                using var file = SafetensorsFile.Open(_folder.At("x.safetensors"));
                Assert.Equal("ü", file.Metadata["note"]);
                Assert.Equal(written.Keys.Order(StringComparer.Ordinal), file.Entries.Select(e => e.Name).Order(StringComparer.Ordinal));
                foreach (var (key, value) in written)
                {
                    var read = file.Read(key);
                    Assert.Equal(value.dtype, read.dtype);
                    Assert.Equal(value.shape, read.shape);
                    Assert.Equal(value.contiguous().bytes.ToArray(), read.bytes.ToArray());
                    Assert.Equal(0, file.Entry(key).Offset % ElementBytes(value.dtype));
                }
            },
            seed: "0000KOIPe036",
            iter: 150,
            threads: 1);
    }

    [Fact]
    public void TensorsThatAreViews_AreWrittenAsTheyLook()
    {
        using var scope = NewDisposeScope();
        var whole = arange(12, ScalarType.Float32).view(3, 4);
        SafetensorsWriter.Write(
            _folder.At("x.safetensors"),
            new Dictionary<string, Tensor>
            {
                ["turned"] = whole.t(),
                ["column"] = whole.select(1, 2),
                ["trained"] = whole.narrow(0, 1, 2).detach().requires_grad_(),
            });
        using var file = SafetensorsFile.Open(_folder.At("x.safetensors"));
        Assert.Equal([0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11], file.Read("turned").data<float>().ToArray());
        Assert.Equal([2, 6, 10], file.Read("column").data<float>().ToArray());
        Assert.Equal([4, 5, 6, 7, 8, 9, 10, 11], file.Read("trained").data<float>().ToArray());
    }

    [Fact]
    public void Write_RefusesATypeThatTheFormatHasNoNameFor()
    {
        using var scope = NewDisposeScope();
        Assert.Throws<NotSupportedException>(() =>
            SafetensorsWriter.Write(_folder.At("x.safetensors"), new Dictionary<string, Tensor> { ["x"] = zeros(1, ScalarType.ComplexFloat32) }));
        Assert.Empty(Directory.EnumerateFiles(_folder.Path));
    }

    [Fact]
    public void SpacesAfterTheHeader_AreAllowed()
    {
        using var scope = NewDisposeScope();
        using var file = SafetensorsFile.Open(_folder.Write("x.safetensors", RawSafetensors.Of(RawSafetensors.Tensor("x", "U8", "[2]", "[0,2]") + "     ", 2)));
        Assert.Equal([2L], file.Read("x").shape);
    }

    [Theory]
    [InlineData(640)]
    [InlineData(896)]
    [InlineData(1152)]
    [InlineData(1408)]
    [InlineData(19280)]
    [InlineData(19280 + 65536)]
    public void AHeaderWhoseLengthLooksLikeAnotherFormat_IsReadAllTheSame(int headerBytes)
    {
        // 640 is 0x0280, and a pickle begins with the bytes 80 02; 19280 is 0x4B50, the "PK" of a zip file.
        using var scope = NewDisposeScope();
        var header = RawSafetensors.Tensor("x", "U8", "[2]", "[0,2]").PadRight(headerBytes);
        using var file = SafetensorsFile.Open(_folder.Write("x.safetensors", RawSafetensors.Of(header, 2)));
        Assert.Equal([2L], file.Read("x").shape);
    }

    [Fact]
    public void TensorsWithoutElements_AreAllowedAnywhere()
    {
        using var scope = NewDisposeScope();
        using var file = SafetensorsFile.Open(_folder.Write("x.safetensors", RawSafetensors.Of(
            """{"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"c":{"dtype":"I64","shape":[2147483648,0],"data_offsets":[8,8]}}""", 8)));
        Assert.Equal([0L], file.Read("a").shape);
        Assert.Equal([2147483648L, 0L], file.Read("c").shape);
    }

    [Fact]
    public void TensorsInAnyOrderOfTheHeader_AreReadFromTheirOwnBytes()
    {
        using var scope = NewDisposeScope();
        var bytes = RawSafetensors.Of("""{"last":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"first":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", 2);
        (bytes[^2], bytes[^1]) = (7, 9);
        using var file = SafetensorsFile.Open(_folder.Write("x.safetensors", bytes));
        Assert.Equal(["last", "first"], file.Entries.Select(e => e.Name));
        Assert.Equal(9, file.Read("last")[0].ToByte());
        Assert.Equal(7, file.Read("first")[0].ToByte());
    }

    [Theory]
    [InlineData("../../../etc/passwd")]
    [InlineData("/etc/passwd")]
    [InlineData("a\\u0000b")]
    [InlineData("")]
    [InlineData("$(id)")]
    [InlineData("😀")]
    public void AHostileName_IsOnlyAName(string name)
    {
        using var scope = NewDisposeScope();
        using var file = SafetensorsFile.Open(_folder.Write("x.safetensors", RawSafetensors.Of(RawSafetensors.Tensor(name, "U8", "[2]", "[0,2]"), 2)));
        Assert.Equal([2L], file.Read(name.Replace("\\u0000", "\0", StringComparison.Ordinal)).shape);
        Assert.Single(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void AMillionEntriesOfMetadata_AreReadInSeconds()
    {
        var header = "{\"__metadata__\":{"
            + string.Join(",", Enumerable.Range(0, 1_000_000).Select(i => FormattableString.Invariant($"\"{i:x}\":\"\"")))
            + "}}";
        var started = System.Diagnostics.Stopwatch.StartNew();
        using var file = SafetensorsFile.Open(_folder.Write("x.safetensors", RawSafetensors.Of(header, 0)));
        Assert.Equal(1_000_000, file.Metadata.Count);
        Assert.InRange(started.Elapsed.TotalSeconds, 0, 2.0 * header.Length / (1 << 20));
    }

    [Fact]
    public void NumbersThatAreNotFinite_AreReadAsTheyAre()
    {
        using var scope = NewDisposeScope();
        SafetensorsWriter.Write(
            _folder.At("x.safetensors"),
            new Dictionary<string, Tensor> { ["x"] = tensor(new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity }) });
        using var file = SafetensorsFile.Open(_folder.At("x.safetensors"));
        Assert.Equal([float.NaN, float.PositiveInfinity, float.NegativeInfinity], file.Read("x").data<float>().ToArray());
    }

    public void Dispose() => _folder.Dispose();

    private static Tensor OfBytes(ScalarType type, long[] shape, byte[] bytes)
    {
        var made = empty(shape, type);
        var target = made.bytes;
        for (var i = 0; i < target.Length; i++) target[i] = type == ScalarType.Bool ? (byte)(bytes[i] & 1) : bytes[i];
        return made;
    }

    private static int ElementBytes(ScalarType type)
    {
        using var one = empty(1, type);
        return one.bytes.Length;
    }
}
