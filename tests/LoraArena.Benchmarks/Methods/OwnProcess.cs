using System.Text.Json;
using LoraArena.Core.Json;

namespace LoraArena.Benchmarks.Methods;

/// <summary>A measurement with nothing else in its process: an allocator that has grown for one training hides what the next one takes.</summary>
internal static class OwnProcess
{
    /// <summary>Runs this program again with other arguments and reads the JSON of its last line.</summary>
    /// <exception cref="InvalidOperationException">The process failed.</exception>
    public static T Run<T>(params IEnumerable<string> arguments)
        => JsonSerializer.Deserialize<T>(Whole.Run(Environment.ProcessPath!, arguments).Output.Trim().Split('\n')[^1], ArenaJson.Line)!;

    /// <summary>Answers the process that called.</summary>
    public static void Answer<T>(T result) => Console.WriteLine(JsonSerializer.Serialize(result, ArenaJson.Line));
}
