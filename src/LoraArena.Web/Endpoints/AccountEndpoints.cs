using LoraArena.Storage.Entities;
using Microsoft.AspNetCore.Identity;

namespace LoraArena.Web.Endpoints;

/// <summary>Signing out: a form post, since cookies are set only over HTTP.</summary>
public static class AccountEndpoints
{
    /// <summary>Maps <c>POST /account/logout</c>; the form carries an antiforgery token.</summary>
    public static void MapAccount(this WebApplication app) => app.MapPost("/account/logout", async ([Microsoft.AspNetCore.Mvc.FromForm] string? _, SignInManager<ArenaUser> signIn) =>
    {
        await signIn.SignOutAsync();
        return Results.LocalRedirect("/account/login");
    });
}
