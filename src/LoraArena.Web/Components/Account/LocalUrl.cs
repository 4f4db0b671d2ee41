namespace LoraArena.Web.Components.Account;

/// <summary>Where to go after signing in: never to another site.</summary>
internal static class LocalUrl
{
    /// <summary>The address, if it is a path of this site; else the home page, relative to where the app is served.</summary>
    public static string OrHome(string? url)
        => url is ['/', ..]
            && !url.StartsWith("//", StringComparison.Ordinal)
            && !url.Contains('\\', StringComparison.Ordinal)
            && !url.Any(char.IsControl) ? url : "";
}
