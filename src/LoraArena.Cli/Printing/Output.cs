using System.CommandLine;
using System.Text.Json;
using LoraArena.Core.Json;

namespace LoraArena.Cli.Printing;

/// <summary>What a command prints: its answer on stdout, as JSON or for people, and everything else on stderr.</summary>
/// <param name="json">True for one JSON document.</param>
internal sealed class Output(bool json)
{
    /// <summary>True where the answer is a JSON document.</summary>
    public bool IsJson => json;

    /// <summary>The output that a command line asks for.</summary>
    public static Output Of(ParseResult parse) => new(parse.GetValue(GlobalOptions.Json));

    /// <summary>Prints a command's answer; each command does so once.</summary>
    /// <param name="document">The answer as JSON.</param>
    /// <param name="text">Prints it for people.</param>
    public void Answer<T>(T document, Action<TextWriter> text)
    {
        if (json) Terminal.Out.WriteLine(JsonSerializer.Serialize(document, ArenaJson.Indented));
        else text(Terminal.Out);
    }

    /// <summary>Says a sentence that is no part of the answer.</summary>
    public static void Say(string sentence)
    {
        foreach (var line in sentence.Split('\n')) Terminal.Error.WriteLine(Show.Name(line.Replace("\t", "  ", StringComparison.Ordinal)));
    }
}
