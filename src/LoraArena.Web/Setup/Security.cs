using System.Security.Claims;
using LoraArena.Storage;
using LoraArena.Storage.Entities;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Identity;

namespace LoraArena.Web.Setup;

/// <summary>Who may do what: sign-in cookies, a login for everything by default, limits on guessing, and the headers of every answer.</summary>
public static class Security
{
    /// <summary>Policy of what only administrators may do.</summary>
    public const string Administrators = "administrators";

    private const string StrictTransport = "max-age=31536000";

    // Styles are inline in MudBlazor and Plotly; scripts never are.
    private const string ContentPolicy =
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

    /// <summary>Registers accounts, cookies, policies and limits.</summary>
    public static void AddArenaSecurity(this IServiceCollection services, IConfiguration settings)
    {
        services.AddSingleton(settings.GetSection("Accounts").Get<AccountSettings>() ?? new AccountSettings());
        services.AddArenaAccounts().AddSignInManager().AddDefaultTokenProviders();
        services.AddAuthentication(IdentityConstants.ApplicationScheme).AddIdentityCookies();
        services.ConfigureApplicationCookie(options =>
        {
            options.LoginPath = "/account/login";
            options.AccessDeniedPath = "/account/denied";
            options.Cookie.Name = "arena";
            options.Cookie.HttpOnly = true;
            options.Cookie.SameSite = SameSiteMode.Lax;
            options.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
            options.ExpireTimeSpan = TimeSpan.FromDays(14);
            options.Events.OnRedirectToLogin = context => AnswerOrRedirect(context, StatusCodes.Status401Unauthorized);
            options.Events.OnRedirectToAccessDenied = context => AnswerOrRedirect(context, StatusCodes.Status403Forbidden);
            options.Events.OnSigningIn = NameSession;
            options.Events.OnValidatePrincipal = ValidateAsync;
        });
        services.AddAuthorizationBuilder()
            .SetFallbackPolicy(new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build())
            .AddPolicy(Administrators, policy => policy.RequireRole(ArenaRoles.Administrator));
        services.AddCascadingAuthenticationState();
        services.AddScoped<AuthenticationStateProvider, RevalidatingAccounts>();
        services.AddAntiforgery(options => options.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest);
        services.AddSingleton<SignInThrottle>();
        services.AddSingleton<OpenConnections>();
        services.AddHostedService(provider => provider.GetRequiredService<OpenConnections>());
    }

    // What an account may do is written in its cookie; whether that still holds is asked with every request.
    private static async Task ValidateAsync(CookieValidatePrincipalContext context)
    {
        var services = context.HttpContext.RequestServices;
        if (context.Principal is { } principal
            && await services.GetRequiredService<OpenConnections>().IsGoodAsync(services.GetRequiredService<UserManager<ArenaUser>>(), principal))
        {
            return;
        }

        context.RejectPrincipal();
        await context.HttpContext.SignOutAsync(IdentityConstants.ApplicationScheme);
    }

    private static Task NameSession(CookieSigningInContext context)
    {
        if (context.Principal?.Identity is ClaimsIdentity identity && !identity.HasClaim(c => c.Type == OpenConnections.SessionClaim))
        {
            identity.AddClaim(new Claim(OpenConnections.SessionClaim, Guid.NewGuid().ToString("N")));
        }

        return Task.CompletedTask;
    }

    /// <summary>True for a browser that goes to a page, false for a form, a script or a program.</summary>
    public static bool AsksForPage(this HttpRequest request)
        => HttpMethods.IsGet(request.Method) && request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase);

    /// <summary>Headers of every answer.</summary>
    public static void UseSecurityHeaders(this WebApplication app) => app.Use((context, next) =>
    {
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = ContentPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "same-origin";
        headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()";

        // On a host of one's own it would bind every other program there to HTTPS.
        if (context.Request.IsHttps && !IsLoopback(context.Request.Host.Host)) headers.StrictTransportSecurity = StrictTransport;
        if (context.WebSockets.IsWebSocketRequest || context.Request.Headers.Upgrade.Count > 0) return RefuseForeignOrigin(context, next);
        return next(context);
    });

    private static bool IsLoopback(string host)
        => host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || (System.Net.IPAddress.TryParse(host, out var address) && System.Net.IPAddress.IsLoopback(address));

    // CORS does not apply to WebSockets: a page of another site could open one with the user's cookie.
    private static Task RefuseForeignOrigin(HttpContext context, RequestDelegate next)
    {
        var origin = context.Request.Headers.Origin.ToString();
        var allowed = origin.Length == 0
            || (Uri.TryCreate(origin, UriKind.Absolute, out var uri)
                && string.Equals(uri.Authority, context.Request.Host.Value, StringComparison.OrdinalIgnoreCase));
        if (allowed) return next(context);
        context.Response.StatusCode = StatusCodes.Status403Forbidden;
        return Task.CompletedTask;
    }

    // A browser that asks for a page is sent to the login page; everything else gets a status code.
    private static Task AnswerOrRedirect(Microsoft.AspNetCore.Authentication.RedirectContext<CookieAuthenticationOptions> context, int status)
    {
        if (context.Request.AsksForPage()) context.Response.Redirect(context.RedirectUri);
        else context.Response.StatusCode = status;
        return Task.CompletedTask;
    }
}

/// <summary>The section <c>Accounts</c> of appsettings.json.</summary>
public sealed class AccountSettings
{
    /// <summary>Anybody who reaches the app may make an account; otherwise only the first, and administrators make the others.</summary>
    public bool OpenRegistration { get; set; }
}
