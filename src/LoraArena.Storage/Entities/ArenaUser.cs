using Microsoft.AspNetCore.Identity;

namespace LoraArena.Storage.Entities;

/// <summary>An account.</summary>
public sealed class ArenaUser : IdentityUser;

/// <summary>What accounts may do.</summary>
public static class ArenaRoles
{
    /// <summary>Manages accounts and base models, and may do everything else.</summary>
    public const string Administrator = "administrator";

    /// <summary>Uploads, starts and stops runs, downloads.</summary>
    public const string Member = "member";

    /// <summary>Both, for lists.</summary>
    public static IReadOnlyList<string> All { get; } = [Administrator, Member];
}
