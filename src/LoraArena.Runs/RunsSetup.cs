using LoraArena.Runs.Following;
using LoraArena.Runs.Launching;
using LoraArena.Runs.Trials;
using Microsoft.Extensions.DependencyInjection;

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
        services.AddSingleton<RunFollower>();
        services.AddSingleton<RunFeed>();
        services.AddSingleton<RunIndex>();
        services.AddSingleton<RunSupervisor>();
        services.AddSingleton<RunService>();
        services.AddSingleton<ModelRegistry>();
        services.AddSingleton<TrialLibrary>();
        services.AddSingleton<TrialService>();
        services.AddSingleton<TrialLoop>();
        return services;
    }
}
