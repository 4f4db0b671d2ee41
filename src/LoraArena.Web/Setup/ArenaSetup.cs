using LoraArena.Core.Files;
using LoraArena.Data.Boards;
using LoraArena.Data.Competitions;
using LoraArena.Data.Submissions;
using LoraArena.Runs;
using LoraArena.Runs.Downloads;
using LoraArena.Storage;
using LoraArena.Web.Components;
using LoraArena.Web.Components.Boards;
using LoraArena.Web.Components.Errors;
using LoraArena.Web.Endpoints;
using LoraArena.Web.Hubs;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.EntityFrameworkCore;
using MudBlazor.Services;

namespace LoraArena.Web.Setup;

/// <summary>Puts the app together: services, middleware, endpoints, and what has to be there before the first request.</summary>
public static class ArenaSetup
{
    /// <summary>Registers everything.</summary>
    /// <param name="builder">The app's builder.</param>
    /// <param name="root">Folder that relative paths of the settings start from.</param>
    public static void AddArena(this WebApplicationBuilder builder, string root)
    {
        var settings = builder.Configuration;
        var folder = new ArenaFolder(Path.Combine(root, settings["Arena:Store"] ?? "data/arena"));
        folder.Create();
        var services = builder.Services;
        services.AddSingleton(folder);
        services.AddSingleton(new StarterFiles(Path.Join(root, "data")));
        services.AddSingleton(provider =>
            new CompetitionLibrary(
                folder, provider.GetRequiredService<TimeProvider>(),
                settings.GetValue("Uploads:MaxBytes", CompetitionLibrary.DefaultMaxUploadBytes)));
        services.AddSingleton<RunSubmission>();
        services.AddSingleton<BoardReader>();
        services.AddSingleton<BoardLoader>();
        services.AddSingleton<SavedComparisons>();
        services.AddSingleton<DisagreementReader>();
        services.AddSingleton<StarterSetup>();
        services.AddArenaDb(folder);
        services.AddSingleton(settings.GetSection("Hub").Get<HubSettings>() ?? new HubSettings());
        services.AddRuns(settings.GetSection("Runs").Get<RunSettings>() ?? new RunSettings());
        services.AddHostedService<RunLoop>();
        services.AddDataProtection().PersistKeysToFileSystem(new DirectoryInfo(folder.Keys)).SetApplicationName("LoraArena");
        services.AddReverseProxy(settings);
        services.AddArenaSecurity(settings);
        services.AddRazorComponents().AddInteractiveServerComponents(options => options.DetailedErrors = false);
        services.AddMudServices();
        services.AddScoped<Failures>();
        services.AddSignalR();
        services.AddHealthChecks().AddDbContextCheck<ArenaDb>();
    }

    /// <summary>Middleware and endpoints, in order.</summary>
    public static void UseArena(this WebApplication app)
    {
        app.UseExceptionHandler(error =>
            error.Run(context => Results.Problem("Something went wrong. The server's log has the details.").ExecuteAsync(context)));
        app.UseReverseProxy();
        app.UseSecurityHeaders();
        app.UseNotFoundPage();
        app.UseRouting();
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseOpenConnections();
        app.UseAntiforgery();
        app.MapStaticAssets().AllowAnonymous();
        app.MapHealthChecks("/health").AllowAnonymous();
        app.MapAccount();
        app.MapUploads();
        app.MapDownloads();
        app.MapBoards();
        app.MapHub<RunsHub>("/hubs/runs");
        app.MapRazorComponents<App>().AddInteractiveServerRenderMode(options => options.ContentSecurityFrameAncestorsPolicy = null);
    }

    // Pages and hub keep their connection for hours: it must be possible to end it.
    private static void UseOpenConnections(this WebApplication app)
    {
        var connections = app.Services.GetRequiredService<OpenConnections>();
        app.UseWhen(
            context => context.Request.Path.StartsWithSegments("/_blazor", StringComparison.Ordinal)
                || context.Request.Path.StartsWithSegments("/hubs", StringComparison.Ordinal),
            branch => branch.Use((context, next) => connections.HoldAsync(context, next)));
    }

    // Who asks for a page gets one that says what is wrong; a program gets the bare status.
    private static void UseNotFoundPage(this WebApplication app)
    {
        app.UseStatusCodePagesWithReExecute("/not-found", createScopeForStatusCodePages: true);
        app.Use((context, next) =>
        {
            if (!context.Request.AsksForPage() && context.Features.Get<IStatusCodePagesFeature>() is { } pages) pages.Enabled = false;
            return next(context);
        });
    }

    /// <summary>Makes or updates the database and takes in the starter, before the first request.</summary>
    public static async Task PrepareArenaAsync(this WebApplication app)
    {
        var services = app.Services;
        var cancel = app.Lifetime.ApplicationStopping;
        var left = services.GetRequiredService<CompetitionLibrary>().SweepUploads();
        if (left.Count > 0) services.GetRequiredService<ArenaProblems>().Report("uploads", string.Join(" ", left));
        foreach (var entry in left) app.Logger.LogWarning("Sweeping uploads: {Left}", entry);
        await services.GetRequiredService<IDbContextFactory<ArenaDb>>().MigrateAsync(cancel);
        if (app.Configuration.GetValue("Arena:AddStarter", true)) await services.GetRequiredService<StarterSetup>().AddOnceAsync(cancel);
    }
}
