using LoraArena.Storage.Entities;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace LoraArena.Storage;

/// <summary>An account, as lists show it.</summary>
/// <param name="Name">Its user name.</param>
/// <param name="Role">One of <see cref="ArenaRoles"/>.</param>
/// <param name="IsLocked">True where an administrator has locked it: nobody can sign in with it.</param>
public sealed record Account(string Name, string Role, bool IsLocked = false);

/// <summary>
/// The accounts of an arena. Each change is one transaction that begins as a write, so of two that come at once, from whatever process,
/// the second sees what the first has done: exactly one account is the first, and an administrator always remains.
/// </summary>
public sealed class Accounts(ArenaDb db, UserManager<ArenaUser> users, RoleManager<IdentityRole> roles)
{
    /// <summary>Characters of a password at least.</summary>
    public const int MinPasswordCharacters = 10;

    /// <summary>Characters of a user name at most.</summary>
    public const int MaxNameCharacters = 64;

    // The end of a lock that ends only when an administrator lifts it.
    private static readonly DateTimeOffset NeverEnds = DateTimeOffset.MaxValue;

    /// <summary>True once there is an account.</summary>
    public Task<bool> AnyAsync(CancellationToken cancel) => db.Users.AnyAsync(cancel);

    /// <summary>All accounts, by name.</summary>
    public async Task<IReadOnlyList<Account>> ListAsync(CancellationToken cancel)
    {
        var administrators = (await users.GetUsersInRoleAsync(ArenaRoles.Administrator)).Select(u => u.Id).ToHashSet(StringComparer.Ordinal);
        var all = await db.Users.AsNoTracking().OrderBy(u => u.NormalizedUserName).ToListAsync(cancel);
        return [.. all.Select(u => new Account(u.UserName!, administrators.Contains(u.Id) ? ArenaRoles.Administrator : ArenaRoles.Member, IsLocked(u)))];
    }

    /// <summary>True where an administrator has locked the account.</summary>
    public static bool IsLocked(ArenaUser user) => user.LockoutEnd?.Year >= NeverEnds.Year;

    /// <summary>Makes an account. The first one of an arena is an administrator, whatever was asked for.</summary>
    /// <exception cref="AccountException">The name is taken or not usable, the password is too short, or there is no such role.</exception>
    public Task<Account> AddAsync(string name, string password, string role, CancellationToken cancel)
        => AddAsync(name, password, role, onlyFirst: false, cancel);

    /// <summary>Makes the first account of an arena, an administrator.</summary>
    /// <exception cref="AccountException">There is one already, or as in <see cref="AddAsync(string, string, string, CancellationToken)"/>.</exception>
    public Task<Account> AddFirstAsync(string name, string password, CancellationToken cancel)
        => AddAsync(name, password, ArenaRoles.Administrator, onlyFirst: true, cancel);

    private Task<Account> AddAsync(string name, string password, string role, bool onlyFirst, CancellationToken cancel) => ChangeAsync(
        async () =>
        {
            CheckRole(role);
            if (name.Length > MaxNameCharacters) throw new AccountException($"A user name has at most {MaxNameCharacters} characters.");
            var first = !await db.Users.AnyAsync(cancel);
            if (onlyFirst && !first) throw new AccountException("This arena has its first account already; an administrator makes the others.");
            var given = first ? ArenaRoles.Administrator : role;
            var user = new ArenaUser { UserName = name };
            Check(await users.CreateAsync(user, password));
            await GiveRoleAsync(user, given);
            return new Account(name, given);
        },
        cancel);

    /// <summary>Gives an account another role.</summary>
    /// <exception cref="AccountException">There is no such account or role, or it is the last administrator.</exception>
    public Task<Account> SetRoleAsync(string name, string role, CancellationToken cancel) => ChangeAsync(
        async () =>
        {
            CheckRole(role);
            var user = await RequireAsync(name);
            if (role != ArenaRoles.Administrator) await KeepAnAdministratorAsync(user);
            Check(await users.RemoveFromRolesAsync(user, await users.GetRolesAsync(user)));
            await GiveRoleAsync(user, role);

            // What the account may do is written in its sign-in cookie: a new stamp makes the old cookie worthless.
            Check(await users.UpdateSecurityStampAsync(user));
            return new Account(user.UserName!, role, IsLocked(user));
        },
        cancel);

    /// <summary>Gives an account another password. Whoever is signed in with the old one is signed out.</summary>
    /// <exception cref="AccountException">There is no such account, or the password is too short.</exception>
    public Task<Account> SetPasswordAsync(string name, string password, CancellationToken cancel) => ChangeAsync(
        async () =>
        {
            var user = await RequireAsync(name);
            Check(await users.RemovePasswordAsync(user));
            Check(await users.AddPasswordAsync(user, password));
            return await ShowAsync(user);
        },
        cancel);

    /// <summary>Gives an account another password, for its owner, who knows the present one. Whoever else is signed in with it is signed out.</summary>
    /// <exception cref="AccountException">The present password is wrong, or the new one is too short.</exception>
    public Task<Account> ChangePasswordAsync(string name, string present, string password, CancellationToken cancel) => ChangeAsync(
        async () =>
        {
            var user = await RequireAsync(name);
            if (!await users.CheckPasswordAsync(user, present)) throw new WrongPasswordException();
            Check(await users.ChangePasswordAsync(user, present, password));
            return await ShowAsync(user);
        },
        cancel);

    /// <summary>Locks an account, or unlocks it. Whoever is signed in with a locked one is signed out.</summary>
    /// <exception cref="AccountException">There is no such account, or it is the last administrator that is not locked.</exception>
    public Task<Account> SetLockedAsync(string name, bool locked, CancellationToken cancel) => ChangeAsync(
        async () =>
        {
            var user = await RequireAsync(name);
            if (locked) await KeepAnAdministratorAsync(user);
            Check(await users.SetLockoutEnabledAsync(user, true));
            Check(await users.SetLockoutEndDateAsync(user, locked ? NeverEnds : null));
            Check(await users.UpdateSecurityStampAsync(user));
            return await ShowAsync(user);
        },
        cancel);

    /// <summary>Deletes an account. Runs that it started keep its name.</summary>
    /// <exception cref="AccountException">There is no such account, or it is the last administrator that is not locked.</exception>
    public Task<Account> DeleteAsync(string name, CancellationToken cancel) => ChangeAsync(
        async () =>
        {
            var user = await RequireAsync(name);
            await KeepAnAdministratorAsync(user);
            var deleted = await ShowAsync(user);
            Check(await users.DeleteAsync(user));
            return deleted;
        },
        cancel);

    // Somebody must be able to manage the accounts: a locked administrator is not.
    private async Task KeepAnAdministratorAsync(ArenaUser user)
    {
        var able = (await users.GetUsersInRoleAsync(ArenaRoles.Administrator)).Where(u => !IsLocked(u)).ToList();
        if (able is [var only] && only.Id == user.Id)
        {
            throw new AccountException($"'{user.UserName}' is the last administrator; make another account one first.");
        }
    }

    private async Task<Account> ShowAsync(ArenaUser user)
        => new(user.UserName!, await users.IsInRoleAsync(user, ArenaRoles.Administrator) ? ArenaRoles.Administrator : ArenaRoles.Member, IsLocked(user));

    private async Task<Account> ChangeAsync(Func<Task<Account>> change, CancellationToken cancel)
    {
        // Hashing a password takes long enough that several processes would time out one another: they wait for their turn first. And then
        // SQLite's BEGIN IMMEDIATE: the transaction waits for other writers now, not at its first write.
        using var turn = await db.TakeTurnAsync(cancel);
        await using var transaction = await db.Database.BeginTransactionAsync(cancel);
        try
        {
            var account = await change();
            await transaction.CommitAsync(cancel);
            return account;
        }
        catch
        {
            // What was not committed must not be saved by the next call.
            db.ChangeTracker.Clear();
            throw;
        }
    }

    private async Task GiveRoleAsync(ArenaUser user, string role)
    {
        if (!await roles.RoleExistsAsync(role)) Check(await roles.CreateAsync(new IdentityRole(role)));
        Check(await users.AddToRoleAsync(user, role));
    }

    private async Task<ArenaUser> RequireAsync(string name)
        => await users.FindByNameAsync(name) ?? throw new AccountException($"There is no account '{name}'.");

    private static void CheckRole(string role)
    {
        if (!ArenaRoles.All.Contains(role)) throw new AccountException($"There is no role '{role}'; these are: {string.Join(", ", ArenaRoles.All)}.");
    }

    private static void Check(IdentityResult result)
    {
        if (!result.Succeeded) throw new AccountException(string.Join(' ', result.Errors.Select(e => e.Description)));
    }
}

/// <summary>An account that cannot be made or changed as was asked; the message says why.</summary>
public class AccountException(string message) : Exception(message);

/// <summary>The present password of an account was given wrongly.</summary>
public sealed class WrongPasswordException() : AccountException("The present password is wrong.");

/// <summary>Registers accounts.</summary>
public static class AccountsSetup
{
    private const string NameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@";

    /// <summary>
    /// Adds <see cref="Accounts"/> and ASP.NET Core Identity over the arena's database, which must be registered too. A password needs
    /// length and nothing else (NIST SP 800-63B, 5.1.1.2). Wrong ones lock no account.
    /// </summary>
    /// <returns>For a web app to go on with: sign-in manager, tokens.</returns>
    public static IdentityBuilder AddArenaAccounts(this IServiceCollection services)
    {
        services.AddScoped<Accounts>();
        return services
            .AddIdentityCore<ArenaUser>(options =>
            {
                options.User.AllowedUserNameCharacters = NameCharacters;
                options.Password.RequiredLength = Accounts.MinPasswordCharacters;
                options.Password.RequireDigit = false;
                options.Password.RequireLowercase = false;
                options.Password.RequireUppercase = false;
                options.Password.RequireNonAlphanumeric = false;
            })
            .AddRoles<IdentityRole>()
            .AddEntityFrameworkStores<ArenaDb>();
    }
}
