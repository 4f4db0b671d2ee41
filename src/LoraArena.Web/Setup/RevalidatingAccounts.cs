using LoraArena.Storage.Entities;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Components.Server;
using Microsoft.AspNetCore.Identity;

namespace LoraArena.Web.Setup;

/// <summary>Ends what an open page may do when its account is changed or removed: a circuit outlives the cookie it was opened with.</summary>
internal sealed class RevalidatingAccounts(
    ILoggerFactory logs, IServiceScopeFactory scopes, OpenConnections connections) : RevalidatingServerAuthenticationStateProvider(logs)
{
    protected override TimeSpan RevalidationInterval => TimeSpan.FromSeconds(20);

    protected override async Task<bool> ValidateAuthenticationStateAsync(AuthenticationState authenticationState, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var users = scope.ServiceProvider.GetRequiredService<UserManager<ArenaUser>>();
        return await connections.IsGoodAsync(users, authenticationState.User);
    }
}
