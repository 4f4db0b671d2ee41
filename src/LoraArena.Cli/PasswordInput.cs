using Spectre.Console;

namespace LoraArena.Cli;

/// <summary>
/// Takes in a password: from the terminal, where it is not shown, or from stdin. Never from an argument, which other users of the host
/// could see.
/// </summary>
internal static class PasswordInput
{
    /// <summary>Asks for a password.</summary>
    /// <param name="fromStdin">True to read one line from stdin instead.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="RefusedException">There is none, there is no terminal, or the second one differs from the first.</exception>
    public static async Task<string> ReadAsync(bool fromStdin, CancellationToken cancel)
    {
        if (fromStdin)
        {
            return await Terminal.In.ReadLineAsync(cancel) is { Length: > 0 } line ? line : throw new RefusedException("There is no password on stdin.");
        }

        if (Terminal.IsInputRedirected || Terminal.IsErrorRedirected)
        {
            throw new RefusedException("There is no terminal to ask for a password on; give it as one line on stdin with --password-stdin.");
        }

        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Terminal.Error), Interactive = InteractionSupport.Yes });
        var first = await console.PromptAsync(Hidden("Password:"), cancel);
        var second = await console.PromptAsync(Hidden("Once more:"), cancel);
        return first == second ? first : throw new RefusedException("The two are not the same; nothing is changed.");
    }

    private static TextPrompt<string> Hidden(string question) => new TextPrompt<string>(question).Secret(null);
}
