using System.Xml.Linq;
using LoraArena.Tests.Support;

namespace LoraArena.Architecture.Tests;

/// <summary>What the project files of a tree say about one another.</summary>
/// <param name="Root">The tree's top folder.</param>
internal sealed record ProjectFiles(string Root)
{
    /// <summary>Those of this repository.</summary>
    public static ProjectFiles Here { get; } = new(Repository.Root);

    /// <summary>Names of the projects under src.</summary>
    public IReadOnlyList<string> Names { get; } = [.. Directory.EnumerateFiles(Path.Join(Root, "src"), "*.csproj", SearchOption.AllDirectories)
        .Select(path => Path.GetFileNameWithoutExtension(path)!)
        .Order(StringComparer.Ordinal)];

    /// <summary>Projects that a project's code can use: those it refers to and those they refer to in turn.</summary>
    public IReadOnlyList<string> KnownTo(string project)
    {
        var known = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var name in References(project, "ProjectReference").Select(path => Path.GetFileNameWithoutExtension(path)!))
        {
            known.Add(name);
            known.UnionWith(KnownTo(name));
        }

        return [.. known];
    }

    /// <summary>Packages that a project names itself.</summary>
    public IReadOnlyList<string> Packages(string project) => [.. References(project, "PackageReference")];

    private IEnumerable<string> References(string project, string kind)
        => XDocument.Load(Path.Join(Root, "src", project, project + ".csproj")).Descendants(kind)
            .Where(reference => (string?)reference.Attribute("ReferenceOutputAssembly") != "false")
            .Select(reference => ((string?)reference.Attribute("Include") ?? "").Replace('\\', '/'));
}
