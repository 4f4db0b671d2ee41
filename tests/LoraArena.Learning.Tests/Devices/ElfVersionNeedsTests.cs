using System.Runtime.InteropServices;
using CsCheck;
using LoraArena.Learning.Devices;

namespace LoraArena.Learning.Tests.Devices;

/// <summary>The one bit that lets TorchSharp's native half load where libstdc++ is older, tried on that very file.</summary>
public sealed class ElfVersionNeedsTests
{
    private const string Version = "GLIBCXX_3.4.32";
    private const string Symbol = "_ZSt21ios_base_library_initv";

    [Fact]
    public void OneFlagIsSet_AndNothingElse()
    {
        var before = Library();
        var after = Library();
        Assert.True(ElfVersionNeeds.MakeOptional(after, Version, Symbol));

        var changed = Enumerable.Range(0, before.Length).Where(i => before[i] != after[i]).ToList();
        Assert.Equal(2, after[Assert.Single(changed)] - before[changed[0]]);

        // It is set already.
        var again = (byte[])after.Clone();
        Assert.True(ElfVersionNeeds.MakeOptional(again, Version, Symbol));
        Assert.Equal(after, again);
    }

    [Theory]
    [InlineData("GLIBCXX_9.9.9", Symbol)]
    [InlineData(Version, "_ZNothing")]
    [InlineData("GLIBCXX_3.4", Symbol)]
    public void AVersionThatIsNotAskedFor_OrNotByThatSymbolAlone_IsLeft(string version, string symbol)
    {
        var (before, after) = (Library(), Library());
        Assert.False(ElfVersionNeeds.MakeOptional(after, version, symbol));
        Assert.Equal(before, after);
    }

    [Fact]
    public void AnythingElse_IsLeftAsItIs()
    {
        var library = Library();
        Assert.All(
            new byte[][] { [], "not a library"u8.ToArray(), library[..64], library[..4096] },
            bytes => Assert.False(ElfVersionNeeds.MakeOptional(bytes, Version, Symbol)));

        // Headers with a byte turned over lead anywhere; that is no reason to fall.
        var header = Gen.Select(Gen.Int[6, 63], Gen.Byte);
        header.Sample((place, value) =>
        {
            var damaged = (byte[])library.Clone();
            damaged[place] = value;
            var given = (byte[])damaged.Clone();
            if (!ElfVersionNeeds.MakeOptional(damaged, Version, Symbol)) Assert.Equal(given, damaged);
        }, iter: 200);
    }

    private static byte[] Library()
    {
        var path = Path.Join(AppContext.BaseDirectory, "runtimes", RuntimeInformation.RuntimeIdentifier, "native", "libLibTorchSharp.so");
        Assert.SkipUnless(File.Exists(path), $"{path} is not here: only Linux has this library.");
        return File.ReadAllBytes(path);
    }
}
