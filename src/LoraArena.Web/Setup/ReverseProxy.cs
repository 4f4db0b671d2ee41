using System.Net;
using Microsoft.AspNetCore.HttpOverrides;
using IPNetwork = System.Net.IPNetwork;

namespace LoraArena.Web.Setup;

/// <summary>The section <c>Proxy</c> of appsettings.json: what stands in front of the app.</summary>
public sealed class ProxySettings
{
    /// <summary>
    /// Addresses and networks of reverse proxies that are believed: what they say in X-Forwarded-For, -Proto, -Host and -Prefix counts.
    /// Separated by spaces, commas or semicolons, as in <c>127.0.0.1 10.0.0.0/8</c>. Empty believes nobody.
    /// </summary>
    public string Trusted { get; set; } = "";

    /// <summary>The path that the app is served under by a proxy that passes it on, as in <c>/arena</c>. Empty where it has a host of its own.</summary>
    public string PathBase { get; set; } = "";
}

/// <summary>A setting that cannot be used; the message names it.</summary>
public sealed class SettingException(string message) : Exception(message);

/// <summary>Makes the app see what its users see where a reverse proxy stands between: their address, scheme, host and path.</summary>
public static class ReverseProxy
{
    private static readonly char[] Separators = [' ', ',', ';'];

    /// <summary>Registers the settings.</summary>
    /// <exception cref="SettingException">One of them cannot be read.</exception>
    public static void AddReverseProxy(this IServiceCollection services, IConfiguration configuration)
    {
        var settings = configuration.GetSection("Proxy").Get<ProxySettings>() ?? new ProxySettings();
        if (settings.PathBase.Length > 0 && (settings.PathBase[0] != '/' || settings.PathBase.Contains("//", StringComparison.Ordinal)))
        {
            throw new SettingException($"Proxy:PathBase is '{settings.PathBase}'; a path such as /arena is needed.");
        }

        services.AddSingleton(settings);
        services.Configure<ForwardedHeadersOptions>(options => Believe(options, settings, configuration["AllowedHosts"] ?? "*"));
        _ = Proxies(settings).ToList();
    }

    /// <summary>Reads what the proxies say. Comes before everything that looks at an address, a host or a path.</summary>
    public static void UseReverseProxy(this WebApplication app)
    {
        var settings = app.Services.GetRequiredService<ProxySettings>();
        if (settings.Trusted.Trim().Length > 0) app.UseForwardedHeaders();
        if (settings.PathBase.Length > 0) app.UsePathBase(settings.PathBase.TrimEnd('/'));
    }

    private static void Believe(ForwardedHeadersOptions options, ProxySettings settings, string allowedHosts)
    {
        options.ForwardedHeaders = ForwardedHeaders.All;

        // Loopback is believed only where it is named, and a chain of proxies as far as each of them is.
        options.KnownProxies.Clear();
        options.KnownIPNetworks.Clear();
        options.ForwardLimit = null;
        foreach (var network in Proxies(settings)) options.KnownIPNetworks.Add(network);
        if (allowedHosts != "*") options.AllowedHosts = [.. allowedHosts.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)];
    }

    private static IEnumerable<IPNetwork> Proxies(ProxySettings settings)
    {
        foreach (var text in settings.Trusted.Split(Separators, StringSplitOptions.RemoveEmptyEntries))
        {
            if (IPAddress.TryParse(text, out var address)) yield return new IPNetwork(address, 8 * address.GetAddressBytes().Length);
            else if (IPNetwork.TryParse(text, out var network)) yield return network;
            else throw new SettingException($"Proxy:Trusted names '{text}'; an address such as 127.0.0.1 or a network such as 10.0.0.0/8 is needed.");
        }
    }
}
