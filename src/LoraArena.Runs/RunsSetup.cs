using LoraArena.Runs.Downloads;
using LoraArena.Runs.Following;
using LoraArena.Runs.Launching;
using LoraArena.Runs.Trials;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace LoraArena.Runs;

/// <summary>Registers what runs need.</summary>
public static class RunsSetup
{
    /// <summary>Adds the services of this project; the arena's folder and database must be registered too.</summary>
    public static IServiceCollection AddRuns(this IServiceCollection services, RunSettings settings)
    {
        services.AddSingleton(settings);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<WorkerCatalog>();
        services.AddSingleton<LocalLauncher>();
        services.AddSingleton<ArenaProblems>();
        services.AddSingleton<RunFollower>();
        services.AddSingleton<RunFeed>();
        services.AddSingleton<RunIndex>();
        services.AddSingleton<IndexSync>();
        services.AddSingleton<RunStarter>();
        services.AddSingleton<RunSupervisor>();
        services.AddSingleton<RunService>();
        services.AddSingleton<ModelRegistry>();
        services.AddSingleton<TrialLibrary>();
        services.AddSingleton<TrialService>();
        services.AddSingleton<TrialLoop>();
        services.TryAddSingleton<HubSettings>();
        services.AddSingleton<RepositoryDownloader>();
        services.AddSingleton<ModelDownloader>();
        services.AddSingleton<ModelDownloads>();
        services.AddSingleton<Deletion.ArenaDeletion>();
        return services;
    }
}
