namespace LoraArena.Web.Setup;

/// <summary>Finds the folder that holds appsettings.json and wwwroot: the repository when built, the app's own folder when published.</summary>
public static class AppRoot
{
    /// <summary>Names the folder outright.</summary>
    public const string Variable = "LORAARENA_ROOT";

    /// <summary><see cref="Variable"/>, else the nearest such folder at or above the program, else the program's own.</summary>
    public static string Find()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } chosen) return Path.GetFullPath(chosen);
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Join(folder.FullName, "appsettings.json")) && Directory.Exists(Path.Join(folder.FullName, "wwwroot"))) return folder.FullName;
        }

        return AppContext.BaseDirectory;
    }
}
