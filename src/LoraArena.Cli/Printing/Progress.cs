using Spectre.Console;

namespace LoraArena.Cli.Printing;

/// <summary>Says on stderr how far a long job is: on a terminal a line that changes, elsewhere a plain line every half minute.</summary>
internal sealed class Progress
{
    private static readonly TimeSpan LineEvery = TimeSpan.FromSeconds(30);
    private readonly IAnsiConsole? _console;
    private readonly StatusContext? _status;
    private long _lastLine = TimeProvider.System.GetTimestamp();

    private Progress(IAnsiConsole? console, StatusContext? status) => (_console, _status) = (console, status);

    /// <summary>Does a job and shows its progress.</summary>
    /// <param name="first">What to show at first.</param>
    /// <param name="job">The job; it says how far it is.</param>
    public static async Task<T> ShowAsync<T>(string first, Func<Progress, Task<T>> job)
    {
        if (StderrTerminal() is not { } console) return await job(new Progress(null, null));
        return await console.Status().StartAsync(Markup.Escape(Show.Name(first)), context => job(new Progress(console, context)));
    }

    /// <summary>Stderr as a terminal; null where it is none, or where a CI system records it.</summary>
    public static IAnsiConsole? StderrTerminal()
    {
        if (Terminal.IsErrorRedirected || Environment.GetEnvironmentVariable("CI") is { Length: > 0 }) return null;

        // Spectre would not call it a terminal where only stdout is a file, as with --json > file.
        return AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Terminal.Error), Interactive = InteractionSupport.Yes });
    }

    /// <summary>How far it is now; may be called as often as it changes.</summary>
    public void Now(string status)
    {
        if (_status is not null) _status.Status(Markup.Escape(Show.Name(status)));
        else if (TimeProvider.System.GetElapsedTime(_lastLine) >= LineEvery) Event(status);
    }

    /// <summary>Something that happened: a line that stays.</summary>
    public void Event(string sentence)
    {
        _lastLine = TimeProvider.System.GetTimestamp();
        if (_console is not null) _console.WriteLine(Show.Name(sentence));
        else Output.Say(sentence);
    }
}
