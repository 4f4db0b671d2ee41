using System.Collections.Concurrent;
using System.Security.Claims;
using LoraArena.Storage;
using LoraArena.Storage.Entities;
using Microsoft.AspNetCore.Identity;

namespace LoraArena.Web.Setup;

/// <summary>
/// The live connections of pages and hub, which outlive the request they began with. They end when their session signs out, and when their
/// account is changed, locked or deleted: at once where that is done on a page, within seconds where another process did it.
/// </summary>
public sealed class OpenConnections(IServiceScopeFactory scopes, TimeProvider time, ILogger<OpenConnections> log) : BackgroundService
{
    /// <summary>Type of the claim that tells one sign-in of an account from another.</summary>
    public const string SessionClaim = "session";

    private static readonly TimeSpan Every = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Leaving = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LifeOfACookie = TimeSpan.FromDays(30);

    private readonly ConcurrentDictionary<Guid, (ClaimsPrincipal User, Action Abort)> _open = new();
    private readonly ConcurrentDictionary<string, DateTimeOffset> _ended = new(StringComparer.Ordinal);

    /// <summary>Lets a request be ended while it lasts.</summary>
    public async Task HoldAsync(HttpContext context, RequestDelegate next)
    {
        var id = Guid.NewGuid();
        _open[id] = (context.User, context.Abort);
        try
        {
            await next(context);
        }
        finally
        {
            _open.TryRemove(id, out _);
        }
    }

    /// <summary>
    /// Ends a session: its cookie is worth nothing from now on, until this server is started again, and its connections end with one of the
    /// next looks. The page that signs out leaves by itself meanwhile.
    /// </summary>
    public void EndSession(ClaimsPrincipal user)
    {
        if (user.FindFirstValue(SessionClaim) is not { } session) return;
        var now = time.GetUtcNow();
        _ended[session] = now;
        foreach (var (old, _) in _ended.Where(e => now - e.Value > LifeOfACookie)) _ended.TryRemove(old, out _);
    }

    /// <summary>Ends the connections of accounts that are no longer what they were when the connection began.</summary>
    public async Task CheckAsync()
    {
        var open = _open.Values.ToList();
        if (open.Count == 0) return;
        await using var scope = scopes.CreateAsyncScope();
        var users = scope.ServiceProvider.GetRequiredService<UserManager<ArenaUser>>();
        foreach (var connections in open.GroupBy(c => (Id: users.GetUserId(c.User), Stamp: Stamp(users, c.User), Session: c.User.FindFirstValue(SessionClaim))))
        {
            if (await IsGoodAsync(users, connections.First().User, Leaving)) continue;
            foreach (var connection in connections) connection.Abort();
        }
    }

    /// <summary>
    /// True while the account of a principal is what it was when it signed in, and has not signed out for longer than
    /// <paramref name="grace"/>.
    /// </summary>
    public async Task<bool> IsGoodAsync(UserManager<ArenaUser> users, ClaimsPrincipal principal, TimeSpan grace = default)
    {
        if (principal.FindFirstValue(SessionClaim) is { } session && _ended.TryGetValue(session, out var ended) && time.GetUtcNow() - ended >= grace)
        {
            return false;
        }

        return await users.GetUserAsync(principal) is { } user
            && !Accounts.IsLocked(user)
            && Stamp(users, principal) == await users.GetSecurityStampAsync(user);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await CheckAsync();
            }
            catch (Exception error) when (error is Microsoft.Data.Sqlite.SqliteException or InvalidOperationException)
            {
                log.LogWarning(error, "Open connections could not be checked");
            }
        }
    }

    private static string? Stamp(UserManager<ArenaUser> users, ClaimsPrincipal principal)
        => principal.FindFirstValue(users.Options.ClaimsIdentity.SecurityStampClaimType);
}
