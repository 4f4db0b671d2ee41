using LoraArena.Storage.Entities;

namespace LoraArena.Storage.Tests;

public sealed class AccountsTests
{
    private const string Password = "correct horse battery";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task FirstAccount_IsAdministrator_WhateverWasAskedFor()
    {
        await using var store = await TestStore.CreateAsync();

        var first = await AddAsync(store, "ada", ArenaRoles.Member);
        var second = await AddAsync(store, "bob", ArenaRoles.Member);

        Assert.Equal((ArenaRoles.Administrator, ArenaRoles.Member), (first.Role, second.Role));
        Assert.Equal([first, second], await store.WithAccountsAsync(accounts => accounts.ListAsync(Cancel)));
    }

    [Fact]
    public async Task FirstAccount_OfManyThatComeAtOnce_IsOne()
    {
        await using var store = await TestStore.CreateAsync();

        var made = await Task.WhenAll(Enumerable.Range(0, 6).Select(i => Task.Run(
            async () =>
            {
                try
                {
                    return (await store.WithAccountsAsync(accounts => accounts.AddFirstAsync($"user{i}", Password, Cancel))).Name;
                }
                catch (AccountException)
                {
                    return null;
                }
            },
            Cancel)));

        Assert.Equal(Assert.Single(made, name => name is not null), Assert.Single(await store.WithAccountsAsync(accounts => accounts.ListAsync(Cancel))).Name);
    }

    [Theory]
    [InlineData("ada", Password, "ada")]
    [InlineData("new one", Password, "new one")]
    [InlineData("short", "123456789", "10")]
    public async Task Account_ThatCannotBeMade_IsRefusedWithTheReason(string name, string password, string said)
    {
        await using var store = await TestStore.CreateAsync();
        await AddAsync(store, "ada", ArenaRoles.Administrator);

        var refused = await Assert.ThrowsAsync<AccountException>(() =>
            store.WithAccountsAsync(accounts => accounts.AddAsync(name, password, ArenaRoles.Member, Cancel)));

        Assert.Contains(said, refused.Message, StringComparison.Ordinal);
        Assert.Single(await store.WithAccountsAsync(accounts => accounts.ListAsync(Cancel)));
    }

    [Fact]
    public async Task LastAdministrator_StaysOne()
    {
        await using var store = await TestStore.CreateAsync();
        await AddAsync(store, "ada", ArenaRoles.Administrator);
        await AddAsync(store, "bob", ArenaRoles.Member);

        await Assert.ThrowsAsync<AccountException>(() => store.WithAccountsAsync(accounts => accounts.SetRoleAsync("ada", ArenaRoles.Member, Cancel)));
        await store.WithAccountsAsync(accounts => accounts.SetRoleAsync("bob", ArenaRoles.Administrator, Cancel));
        await store.WithAccountsAsync(accounts => accounts.SetRoleAsync("ada", ArenaRoles.Member, Cancel));

        Assert.Equal(
            [new Account("ada", ArenaRoles.Member), new Account("bob", ArenaRoles.Administrator)],
            await store.WithAccountsAsync(accounts => accounts.ListAsync(Cancel)));
    }

    [Fact]
    public async Task LastAdministratorThatIsNotLocked_CanNeitherBeLockedNorDeleted()
    {
        await using var store = await TestStore.CreateAsync();
        await AddAsync(store, "ada", ArenaRoles.Administrator);
        await AddAsync(store, "bob", ArenaRoles.Administrator);
        await store.WithAccountsAsync(accounts => accounts.SetLockedAsync("bob", true, Cancel));

        await Assert.ThrowsAsync<AccountException>(() => store.WithAccountsAsync(accounts => accounts.SetLockedAsync("ada", true, Cancel)));
        await Assert.ThrowsAsync<AccountException>(() => store.WithAccountsAsync(accounts => accounts.DeleteAsync("ada", Cancel)));
        await Assert.ThrowsAsync<AccountException>(() => store.WithAccountsAsync(accounts => accounts.SetRoleAsync("ada", ArenaRoles.Member, Cancel)));

        // A new password does not lift the lock; unlocking does, and then the other may go.
        Assert.True((await store.WithAccountsAsync(accounts => accounts.SetPasswordAsync("bob", "another long password", Cancel))).IsLocked);
        Assert.False((await store.WithAccountsAsync(accounts => accounts.SetLockedAsync("bob", false, Cancel))).IsLocked);
        await store.WithAccountsAsync(accounts => accounts.DeleteAsync("ada", Cancel));
        Assert.Equal([new Account("bob", ArenaRoles.Administrator)], await store.WithAccountsAsync(accounts => accounts.ListAsync(Cancel)));
    }

    private static Task<Account> AddAsync(TestStore store, string name, string role)
        => store.WithAccountsAsync(accounts => accounts.AddAsync(name, Password, role, Cancel));
}
