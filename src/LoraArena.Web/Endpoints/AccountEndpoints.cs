using LoraArena.Storage.Entities;
using LoraArena.Web.Setup;
using Microsoft.AspNetCore.Identity;

namespace LoraArena.Web.Endpoints;

/// <summary>Signing out: a form post, since cookies are set only over HTTP.</summary>
public static class AccountEndpoints
{
    /// <summary>Maps <c>POST /account/logout</c>; the form carries an antiforgery token.</summary>
    public static void MapAccount(this WebApplication app)
        => app.MapPost("/account/logout", async ([Microsoft.AspNetCore.Mvc.FromForm] string? _, HttpContext context, SignInManager<ArenaUser> signIn, OpenConnections connections) =>
    {
        // Other tabs of this browser are signed out too; this one first has its answer, which leads it away from the page.
        var user = context.User;
        context.Response.OnCompleted(() =>
        {
            connections.EndSession(user);
            return Task.CompletedTask;
        });
        await signIn.SignOutAsync();
        return Results.LocalRedirect("~/account/login");
    });
}
