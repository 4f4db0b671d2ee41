namespace LoraArena.Architecture.Tests;

/// <summary>
/// The order of the parts: Core knows nobody; what learns and what serves never meet, but through files that Core describes. So libtorch,
/// which can end a process, is only ever in the worker's.
/// </summary>
public sealed class WhoKnowsWhomTests
{
    private static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["LoraArena.Core"] = [],
        ["LoraArena.Data"] = ["LoraArena.Core"],
        ["LoraArena.Tokenizers"] = ["LoraArena.Core"],
        ["LoraArena.Starter"] = ["LoraArena.Core"],
        ["LoraArena.Storage"] = ["LoraArena.Core"],
        ["LoraArena.Runs"] = ["LoraArena.Core", "LoraArena.Storage"],
        ["LoraArena.Learning"] = ["LoraArena.Core", "LoraArena.Data", "LoraArena.Tokenizers"],
        ["LoraArena.Worker"] = ["LoraArena.Core", "LoraArena.Data", "LoraArena.Learning", "LoraArena.Tokenizers"],
        ["LoraArena.Web"] = ["LoraArena.Core", "LoraArena.Data", "LoraArena.Runs", "LoraArena.Storage"],
        ["LoraArena.Cli"] = ["LoraArena.Core", "LoraArena.Data", "LoraArena.Runs", "LoraArena.Starter", "LoraArena.Storage"],
    };

    // Packages that only one project may name, and so only those that know it can use.
    private static readonly Dictionary<string, string> Homes = new(StringComparer.Ordinal)
    {
        ["TorchSharp"] = "LoraArena.Learning",
        ["Microsoft.ML.Tokenizers"] = "LoraArena.Tokenizers",
        ["Microsoft.EntityFrameworkCore.Sqlite"] = "LoraArena.Storage",
        ["MudBlazor"] = "LoraArena.Web",
        ["Plotly.Blazor"] = "LoraArena.Web",
    };

    [Fact]
    public void EveryProject_KnowsWhomItMay_AndNobodyElse()
    {
        Assert.Equal(Allowed.Keys.Order(StringComparer.Ordinal), ProjectFiles.Here.Names);
        Assert.All(Allowed, pair => Assert.Equal(pair.Value, ProjectFiles.Here.KnownTo(pair.Key)));
    }

    [Fact]
    public void Packages_AreNamedWhereTheyBelong()
    {
        foreach (var (package, home) in Homes)
        {
            Assert.Equal([home], ProjectFiles.Here.Names.Where(project => ProjectFiles.Here.Packages(project).Contains(package)));
        }
    }

    [Fact]
    public void References_AreSeenThroughOtherProjects()
    {
        var root = Directory.CreateTempSubdirectory("arena-projects-").FullName;
        try
        {
            Write(root, "Top", """<ProjectReference Include="..\Middle\Middle.csproj" />""");
            Write(root, "Middle", """<ProjectReference Include="../Bottom/Bottom.csproj" /><PackageReference Include="TorchSharp" />""");
            Write(root, "Bottom", """<ProjectReference Include="../Beside/Beside.csproj" ReferenceOutputAssembly="false" />""");

            var files = new ProjectFiles(root);

            Assert.Equal(["Bottom", "Middle"], files.KnownTo("Top"));
            Assert.Equal(["TorchSharp"], files.Packages("Middle"));
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    private static void Write(string root, string name, string items)
    {
        var folder = Directory.CreateDirectory(Path.Join(root, "src", name)).FullName;
        using var file = new StreamWriter(Path.Join(folder, name + ".csproj"));
        file.Write($"<Project><ItemGroup>{items}</ItemGroup></Project>");
    }
}
