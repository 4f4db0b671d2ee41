using LoraArena.Runs;
using Microsoft.Extensions.Configuration;

namespace LoraArena.Cli;

/// <summary>The app that this program belongs to: where it keeps its arena, and how it is set up.</summary>
internal static class AppFolder
{
    /// <summary>Names another arena than the app's own.</summary>
    public const string StoreVariable = "LORAARENA_STORE";

    private const string SettingsName = "appsettings.json";

    /// <summary>Folder of the arena that the arguments, the environment or the app name.</summary>
    /// <exception cref="RefusedException">The name is empty.</exception>
    public static string Arena(string? given)
    {
        if (given is not null && string.IsNullOrWhiteSpace(given)) throw new RefusedException("--store needs the name of a folder.");
        if (given is not null) return given;
        return Environment.GetEnvironmentVariable(StoreVariable) is { Length: > 0 } named ? named : Path.Join(Find() ?? Environment.CurrentDirectory, "data", "arena");
    }

    /// <summary>The section Runs of the app's settings: the server and the command line start workers by the same rules.</summary>
    /// <exception cref="RefusedException">The settings cannot be read.</exception>
    public static RunSettings RunSettings()
    {
        var configuration = new ConfigurationBuilder();
        if (Find() is { } app) configuration.AddJsonFile(Path.Join(app, SettingsName), optional: true, reloadOnChange: false);
        configuration.AddEnvironmentVariables();
        var settings = new RunSettings();
        try
        {
            configuration.Build().GetSection("Runs").Bind(settings);
        }
        catch (Exception error) when (error is InvalidDataException or InvalidOperationException)
        {
            throw new RefusedException($"The settings of runs ({SettingsName}, section Runs) cannot be read: {error.GetBaseException().Message}");
        }

        return settings;
    }

    // Built, the program lies deep below the app's folder; published, in it.
    private static string? Find() => NearestAbove(AppContext.BaseDirectory) ?? NearestAbove(Environment.CurrentDirectory);

    private static string? NearestAbove(string start)
    {
        for (var folder = Path.TrimEndingDirectorySeparator(start); folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Join(folder, SettingsName)) && Directory.Exists(Path.Join(folder, "wwwroot"))) return folder;
        }

        return null;
    }
}
