using System.Diagnostics;
using System.Text.Json.Nodes;
using LoraArena.Tests.Support;

namespace LoraArena.Architecture.Tests;

/// <summary>What <c>-p:Torch=</c> picks, as the build itself evaluates it: GPU packages cannot be restored everywhere, but they can be named.</summary>
public sealed class TorchFlavourTests
{
    private const string Native = "libtorch";

    [Fact]
    public async Task Cpu_TakesTheLibrariesOfThisHostsProcessor()
    {
        var packages = await PackagesAsync("cpu");

        Assert.Contains("TorchSharp", packages);
        Assert.Single(packages, name => name.StartsWith(Native, StringComparison.Ordinal));
        Assert.DoesNotContain(packages, name => name.Contains("cuda", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Cuda_TakesTheLibrariesForGpusAndNoOthers()
    {
        var packages = await PackagesAsync("cuda");

        Assert.Contains("TorchSharp", packages);
        Assert.Equal(
            OperatingSystem.IsLinux() ? "TorchSharp-cuda-linux" : "TorchSharp-cuda-windows",
            Assert.Single(packages, name => name.Contains("cuda", StringComparison.Ordinal)));
        Assert.DoesNotContain(packages, name => name.StartsWith(Native, StringComparison.Ordinal));
    }

    [Fact]
    public async Task External_TakesNone()
    {
        var packages = await PackagesAsync("external");

        Assert.Contains("TorchSharp", packages);
        Assert.DoesNotContain(packages, name => name.StartsWith(Native, StringComparison.Ordinal) || name.Contains("cuda", StringComparison.Ordinal));
    }

    [Fact]
    public async Task AnotherName_IsRefusedWithTheNamesThatAreKnown()
    {
        var (code, output) = await BuildAsync("-t:RefuseUnknownTorch", "-p:Torch=rocm");

        Assert.NotEqual(0, code);
        Assert.Contains("-p:Torch=rocm is not known: use cpu, cuda or external.", output, StringComparison.Ordinal);
    }

    private static async Task<IReadOnlyList<string>> PackagesAsync(string flavour)
    {
        var (code, output) = await BuildAsync("-getItem:PackageReference", $"-p:Torch={flavour}");
        Assert.True(code == 0, output);
        return [.. JsonNode.Parse(output)!["Items"]!["PackageReference"]!.AsArray().Select(item => (string)item!["Identity"]!)];
    }

    private static async Task<(int Code, string Output)> BuildAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo(
            "dotnet",
            ["msbuild", Path.Join(Repository.Root, "src", "LoraArena.Learning", "LoraArena.Learning.csproj"), "-nologo", "-noAutoResponse", .. arguments])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };

        // What a test host tells MSBuild about itself would lead this one astray.
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("MSBuild", StringComparison.OrdinalIgnoreCase)).ToList())
        {
            start.Environment.Remove(name);
        }

        using var build = Process.Start(start)!;
        var output = await build.StandardOutput.ReadToEndAsync();
        await build.WaitForExitAsync();
        return (build.ExitCode, output);
    }
}
