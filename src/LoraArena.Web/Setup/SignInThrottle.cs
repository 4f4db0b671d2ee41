using System.Net;
using System.Net.Sockets;

namespace LoraArena.Web.Setup;

/// <summary>
/// Slows down who guesses passwords. Failed attempts count, by client and name together and by client alone; looking at the form does not.
/// Whoever has failed too often waits until the oldest of those attempts is a minute old.
/// </summary>
public sealed class SignInThrottle(TimeProvider time)
{
    /// <summary>Failed attempts a minute by one client with one name.</summary>
    public const int MaxOfName = 10;

    /// <summary>Failed attempts a minute by one client with any names.</summary>
    public const int MaxOfClient = 30;

    private const int MaxKept = 20_000;
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Queue<DateTimeOffset>> _failed = new(StringComparer.Ordinal);

    /// <summary>How long this client must wait before it may try this name; null where it may try now.</summary>
    public TimeSpan? Wait(HttpContext context, string name)
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            var until = Later(Until(OfClient(context), MaxOfClient, now), Until(OfName(context, name), MaxOfName, now));
            return until is { } end ? end - now : null;
        }
    }

    /// <summary>Counts a failed attempt.</summary>
    public void Failed(HttpContext context, string name)
    {
        lock (_lock)
        {
            var now = time.GetUtcNow();
            if (_failed.Count > MaxKept) Forget(now);
            foreach (var key in new[] { OfClient(context), OfName(context, name) })
            {
                if (!_failed.TryGetValue(key, out var times)) _failed[key] = times = new Queue<DateTimeOffset>();
                times.Enqueue(now);
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
        while (times.TryPeek(out var oldest) && now - oldest >= Window) times.Dequeue();
        if (times.Count == 0) _failed.Remove(key);
        return times.Count < max ? null : times.ElementAt(times.Count - max) + Window;
    }

    private void Forget(DateTimeOffset now)
    {
        foreach (var key in _failed.Where(f => now - f.Value.Last() >= Window).Select(f => f.Key).ToList()) _failed.Remove(key);
    }

    private static string OfName(HttpContext context, string name) => $"{OfClient(context)} {name.Trim().ToUpperInvariant()}";

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
