using LoraArena.Core.Files;

namespace LoraArena.Cli;

/// <summary>Files and folders that arguments name.</summary>
internal static class InputFile
{
    /// <summary>Checks that a file is there to be read.</summary>
    /// <exception cref="RefusedException">It is not, or it is a pipe or device, which may never end.</exception>
    public static void Require(string path)
    {
        if (Directory.Exists(path)) throw new RefusedException($"{path} is a folder, not a file.");
        if (!File.Exists(path)) throw new RefusedException($"There is no file {path}.");
        if (RegularFile.Refusal(path) is { } refusal) throw new RefusedException($"{path}: {refusal}.");
    }

    /// <summary>The full path of a file that is to be written.</summary>
    /// <exception cref="RefusedException">Its folder is not there, or it is itself a folder.</exception>
    public static string ToWrite(string path)
    {
        var full = Path.GetFullPath(path);
        if (Directory.Exists(full)) throw new RefusedException($"{full} is a folder; name a file.");
        if (!Directory.Exists(Path.GetDirectoryName(full))) throw new RefusedException($"There is no folder {Path.GetDirectoryName(full)} to write into.");
        return full;
    }

    /// <summary>The full path of a folder that is to be made.</summary>
    /// <exception cref="RefusedException">Something is there already, or the folder above is not.</exception>
    public static string NewFolder(string path)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (Directory.Exists(full) || File.Exists(full)) throw new RefusedException($"{full} is there already; name a folder that is not.");
        if (!Directory.Exists(Path.GetDirectoryName(full))) throw new RefusedException($"There is no folder {Path.GetDirectoryName(full)} to make it in.");
        return full;
    }
}
