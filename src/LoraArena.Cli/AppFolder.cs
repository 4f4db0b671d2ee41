using LoraArena.Runs;
using LoraArena.Runs.Downloads;
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
        if (Environment.GetEnvironmentVariable(StoreVariable) is { Length: > 0 } named) return named;

        // As the server reads it: where its own settings put the arena, the command line finds it.
        return Path.Combine(Find() ?? Environment.CurrentDirectory, Settings()["Arena:Store"] is { Length: > 0 } set ? set : Path.Join("data", "arena"));
    }

    /// <summary>The section Runs of the app's settings: the server and the command line start workers by the same rules.</summary>
    /// <exception cref="RefusedException">The settings cannot be read.</exception>
    public static RunSettings RunSettings() => Section("Runs", new RunSettings());

    /// <summary>The section Hub: where base models are downloaded from.</summary>
    /// <exception cref="RefusedException">The settings cannot be read.</exception>
    public static HubSettings HubSettings() => Section("Hub", new HubSettings());

    private static T Section<T>(string name, T settings)
    {
        try
        {
            Settings().GetSection(name).Bind(settings);
        }
        catch (InvalidOperationException error)
        {
            throw new RefusedException($"The section {name} of the settings ({SettingsName}) cannot be read: {error.GetBaseException().Message}");
        }

        return settings;
    }

    private static IConfigurationRoot Settings()
    {
        var configuration = new ConfigurationBuilder();
        if (Find() is { } app) configuration.AddJsonFile(Path.Join(app, SettingsName), optional: true, reloadOnChange: false);
        configuration.AddEnvironmentVariables();
        try
        {
            return configuration.Build();
        }
        catch (InvalidDataException error)
        {
            throw new RefusedException($"The app's settings ({SettingsName}) cannot be read: {error.GetBaseException().Message}");
        }
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
