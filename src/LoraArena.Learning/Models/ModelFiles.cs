using LoraArena.Core.Files;

namespace LoraArena.Learning.Models;

/// <summary>The folder of a base model, before anything in it is opened.</summary>
public static class ModelFiles
{
    // What a model's readers open: nothing else of a folder matters.
    private static readonly string[] Endings = [".json", ".safetensors", ".model", ".txt", ".md"];

    /// <summary>Refuses pipes, devices and sockets under the names of a model's files: to open one may wait for ever.</summary>
    /// <exception cref="ModelException">There is one.</exception>
    public static void RequireRegular(string folder)
    {
        if (!Directory.Exists(folder)) return;
        foreach (var path in Directory.EnumerateFiles(folder).Where(path => Endings.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase)))
        {
            if (RegularFile.Refusal(path) is { } refusal) throw new ModelException(folder, $"{Path.GetFileName(path)}: {refusal}");
        }
    }
}
