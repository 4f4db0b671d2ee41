using System.CommandLine;
using LoraArena.Cli.Printing;
using LoraArena.Storage;
using LoraArena.Storage.Entities;
using Microsoft.Extensions.DependencyInjection;

namespace LoraArena.Cli.Commands;

/// <summary><c>user</c>: the accounts of the web app.</summary>
internal static class UserCommand
{
    public static Command Create()
    {
        var list = List();
        return new Command("user", "Makes, changes and lists the accounts of the web app.") { list, Add(), Role(), Password() }.Defaulting(list);
    }

    private static Command Add()
    {
        var name = new Argument<string>("name") { Description = "Letters, digits and ._-@" };
        var role = new Option<string>("--role") { Description = "administrator or member; the first account is an administrator.", HelpName = "administrator|member", DefaultValueFactory = _ => ArenaRoles.Member };
        role.AcceptOnlyFromAmong([.. ArenaRoles.All]);
        var fromStdin = PasswordStdin();
        var command = new Command("add", "Makes an account; its password is asked for.") { name, role, fromStdin };
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var password = await PasswordInput.ReadAsync(parse.GetValue(fromStdin), cancel);
            return await ChangeAsync(arena, parse, accounts => accounts.AddAsync(parse.GetRequiredValue(name), password, parse.GetRequiredValue(role), cancel));
        });
        return command;
    }

    private static Command List()
    {
        var command = new Command("list", "Lists the accounts.");
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            await using var scope = arena.CreateScope();
            var users = await scope.ServiceProvider.GetRequiredService<Accounts>().ListAsync(cancel);
            Output.Of(parse).Answer(new { Users = users }, text => Print(text, users));
            return Exit.Done;
        });
        return command;
    }

    private static Command Role()
    {
        var name = new Argument<string>("name") { Description = "The account." };
        var role = new Argument<string>("role") { Description = "administrator or member." };
        role.AcceptOnlyFromAmong([.. ArenaRoles.All]);
        var command = new Command("role", "Gives an account another role.") { name, role };
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            return await ChangeAsync(arena, parse, accounts => accounts.SetRoleAsync(parse.GetRequiredValue(name), parse.GetRequiredValue(role), cancel));
        });
        return command;
    }

    private static Command Password()
    {
        var name = new Argument<string>("name") { Description = "The account." };
        var fromStdin = PasswordStdin();
        var command = new Command(
            "password",
            "Gives an account another password, which is asked for; whoever is signed in with the old one is signed out.") { name, fromStdin };
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var password = await PasswordInput.ReadAsync(parse.GetValue(fromStdin), cancel);
            return await ChangeAsync(arena, parse, accounts => accounts.SetPasswordAsync(parse.GetRequiredValue(name), password, cancel));
        });
        return command;
    }

    private static Option<bool> PasswordStdin() => new("--password-stdin") { Description = "Read the password as one line from stdin." };

    private static async Task<int> ChangeAsync(ArenaServices arena, ParseResult parse, Func<Accounts, Task<Account>> change)
    {
        await using var scope = arena.CreateScope();
        var account = await change(scope.ServiceProvider.GetRequiredService<Accounts>());
        Output.Of(parse).Answer(account, text => text.WriteLine($"{account.Name}: {account.Role}"));
        return Exit.Done;
    }

    private static void Print(TextWriter text, IReadOnlyList<Account> users)
    {
        if (users.Count == 0)
        {
            text.WriteLine("There are no accounts yet.");
            return;
        }

        var table = new TextTable().Text("name").Text("role");
        foreach (var user in users) table.Add(user.Name, user.Role);
        table.Write(text);
    }
}
