using System.Net;
using System.Net.Sockets;
using LoraArena.Storage;

namespace LoraArena.Web.Setup;

/// <summary>
/// Slows down who guesses passwords. Failed attempts count, by client and name together and by client alone; looking at the form does not.
/// Whoever has failed too often waits until the oldest of those attempts is a minute old. An attempt counts from its beginning until it
/// succeeds: otherwise many at once would all go through before the first of them has failed. No name is locked for others than the client
/// that guesses at it: anybody could keep anybody out.
/// </summary>
public sealed class SignInThrottle(TimeProvider time)
{
    /// <summary>Failed attempts a minute by one client with one name.</summary>
    public const int MaxOfName = 10;

    /// <summary>Failed attempts a minute by one client with any names.</summary>
    public const int MaxOfClient = 30;

    private const int MaxKept = 20_000;

    // No account has a longer name: all of those are one.
    private const int MaxNameCharacters = Accounts.MaxNameCharacters + 1;
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, List<DateTimeOffset>> _failed = new(StringComparer.Ordinal);

    /// <summary>Begins an attempt, which counts as failed until <see cref="Succeeded"/>. Nothing is checked of a password before.</summary>
    /// <returns>How long this client must wait before it may try this name; null where it may try now.</returns>
    public TimeSpan? Begin(HttpContext context, string name)
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            var until = Later(Until(OfClient(context), MaxOfClient, now), Until(OfName(context, name), MaxOfName, now));
            if (until is { } end) return end - now;
            if (_failed.Count > MaxKept) Forget(now);
            foreach (var key in new[] { OfClient(context), OfName(context, name) })
            {
                if (!_failed.TryGetValue(key, out var times)) _failed[key] = times = [];
                times.Add(now);
            }

            return null;
        }
    }

    /// <summary>An attempt that was begun has not failed.</summary>
    public void Succeeded(HttpContext context, string name)
    {
        lock (_lock)
        {
            foreach (var key in new[] { OfClient(context), OfName(context, name) })
            {
                if (!_failed.TryGetValue(key, out var times)) continue;
                times.RemoveAt(times.Count - 1);
                if (times.Count == 0) _failed.Remove(key);
            }
        }
    }

    /// <summary>A sentence that says how long, for the form.</summary>
    public static string Sentence(TimeSpan wait) => FormattableString.Invariant($"Too many failed attempts. Try again in {Seconds(wait)} seconds.");

    /// <summary>Answers with status 429 and says in its header, too, how long to wait.</summary>
    public static string Refuse(HttpContext context, TimeSpan wait)
    {
        context.Response.StatusCode = StatusCodes.Status429TooManyRequests;
        context.Response.Headers.RetryAfter = Seconds(wait).ToString(System.Globalization.CultureInfo.InvariantCulture);
        return Sentence(wait);
    }

    private static int Seconds(TimeSpan wait) => Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds));

    private static DateTimeOffset? Later(DateTimeOffset? a, DateTimeOffset? b) => a is null || b > a ? b : a;

    private DateTimeOffset? Until(string key, int max, DateTimeOffset now)
    {
        if (!_failed.TryGetValue(key, out var times)) return null;
        times.RemoveAll(at => now - at >= Window);
        if (times.Count == 0) _failed.Remove(key);
        return times.Count < max ? null : times[^max] + Window;
    }

    private void Forget(DateTimeOffset now)
    {
        foreach (var key in _failed.Where(f => now - f.Value[^1] >= Window).Select(f => f.Key).ToList()) _failed.Remove(key);
    }

    private static string OfName(HttpContext context, string name)
    {
        name = name.Trim();
        return $"{OfClient(context)} {name[..Math.Min(name.Length, MaxNameCharacters)].ToUpperInvariant()}";
    }

    // A host has a whole /64 of IPv6 addresses at its disposal.
    private static string OfClient(HttpContext context)
    {
        if (context.Connection.RemoteIpAddress is not { } address) return "unknown";
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        if (address.AddressFamily != AddressFamily.InterNetworkV6) return address.ToString();
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return new IPAddress(bytes).ToString();
    }
}
