namespace LoraArena.Cli.Tests;

public sealed class UserTests : IDisposable
{
    private const string Password = "correct horse battery\n";
    private readonly Arena _arena = new();

    public void Dispose() => _arena.Dispose();

    [Fact]
    public async Task FirstAccount_IsAdministratorAndTheLastAdministratorStaysOne()
    {
        Assert.Equal(0, (await AddAsync("ada")).ExitCode);
        Assert.Equal("member", (string?)(await AddAsync("bob")).Document()["role"]);
        var demoted = await _arena.RunAsync("user", "role", "ada", "member");
        Assert.Equal("administrator", (string?)(await _arena.AskAsync("user", "role", "bob", "administrator"))["role"]);
        Assert.Equal("member", (string?)(await _arena.AskAsync("user", "role", "ada", "member"))["role"]);
        var users = (await _arena.AskAsync("user", "list"))["users"]!.AsArray();
        Assert.Equal(users.ToJsonString(), (await _arena.AskAsync("user"))["users"]!.ToJsonString());

        Assert.Equal(3, demoted.ExitCode);
        Assert.Contains("last administrator", demoted.Errors, StringComparison.Ordinal);
        Assert.Equal([("ada", "member"), ("bob", "administrator")], users.Select(user => ((string)user!["name"]!, (string)user["role"]!)));
    }

    [Fact]
    public async Task OfSeveralFirstAccountsAtOnce_OneIsAdministrator()
    {
        var added = await Task.WhenAll(new[] { "ada", "bob", "cyd" }.Select(name => _arena.RunProgramAsync(Password, Add(name))));

        Assert.All(added, ended => Assert.True(ended.ExitCode == 0, ended.Errors));
        Assert.Equal(["administrator", "member", "member"], added.Select(ended => (string)ended.Document()["role"]!).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Account_NeedsAPasswordOfTenCharactersANameOfPlainOnesAndIsThereOnce()
    {
        var first = await AddAsync("ada");
        var again = await AddAsync("ADA");
        var shortOne = await AddAsync("bob", "123456789\n");
        var none = await AddAsync("bob", "");
        var odd = await AddAsync("bob/../x");
        var longEnough = await AddAsync("bob", "1234567890\n");
        var noTerminal = await _arena.RunProgramAsync("user", "password", "ada");
        var changed = await _arena.RunProgramAsync(Password, ["user", "password", "ada", "--password-stdin", "--json"]);
        var nobody = await _arena.RunAsync(Password, ["user", "password", "eve", "--password-stdin"]);

        Assert.Equal(
            [0, 3, 3, 3, 3, 0, 3, 0, 3],
            new[] { first, again, shortOne, none, odd, longEnough, noTerminal, changed, nobody }.Select(ended => ended.ExitCode));
        Assert.Contains("--password-stdin", noTerminal.Errors, StringComparison.Ordinal);
        Assert.Contains("at least 10", shortOne.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("battery", first.Output + first.Errors, StringComparison.Ordinal);
    }

    private static string[] Add(string name) => ["user", "add", name, "--password-stdin", "--json"];

    private Task<Arena.Ended> AddAsync(string name, string password = Password) => _arena.RunAsync(password, Add(name));
}
