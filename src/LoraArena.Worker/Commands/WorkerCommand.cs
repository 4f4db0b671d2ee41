using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text.Json;
using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;
using LoraArena.Data.Competitions;
using LoraArena.Data.Csv;
using LoraArena.Data.Splits;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Files;
using LoraArena.Learning.Models;
using LoraArena.Learning.Options;
using LoraArena.Learning.Peft;
using LoraArena.Tokenizers;
using LoraArena.Worker.Running;

namespace LoraArena.Worker.Commands;

/// <summary>What the worker's commands have in common: one JSON document on stdout, sentences on stderr, an exit code.</summary>
internal static class WorkerCommand
{
    /// <summary>Done.</summary>
    public const int Done = 0;

    /// <summary>Failed; the reason is on stderr.</summary>
    public const int Failed = 1;

    /// <summary>Wrong usage.</summary>
    public const int WrongUsage = 2;

    /// <summary>An input was refused; the reason is on stderr.</summary>
    public const int Refused = 3;

    /// <summary>Runs the command that the arguments name.</summary>
    public static int Invoke(RootCommand root, string[] args)
    {
        // '@name' is an argument here, not a file of arguments.
        var parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors) Console.Error.WriteLine(error.Message);
            return WrongUsage;
        }

        try
        {
            return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
        }
        catch (Exception error) when (Explain(error) is { } reason)
        {
            Console.Error.WriteLine(reason);
            return error is IOException or UnauthorizedAccessException or TorchRuntimeException ? Failed : Refused;
        }
        catch (Exception error)
        {
            // A bug: where it happened for whoever reads the log, and last, for whoever asked, what it was.
            Console.Error.WriteLine(error);
            Console.Error.WriteLine(Summarize(error));
            return Failed;
        }
    }

    /// <summary>Prints a command's answer.</summary>
    public static void Print<T>(T answer) => Console.Out.WriteLine(JsonSerializer.Serialize(answer, ArenaJson.Indented));

    /// <summary>A sentence for an error that a user can do something about; null for a bug.</summary>
    public static string? Explain(Exception error) => error switch
    {
        _ when DiskSpace.IsFull(error) =>
            $"The disk is full ({error.Message.TrimEnd('.')}). Free some space and resume the run: it goes on from its last checkpoint.",
        DivergedException => error.Message,
        ModelException or SafetensorsException or PeftException or OptionException or DeviceException or TorchRuntimeException or TokenizerException or CsvRefusedException or JsonFileException or AttemptTakenException => error.Message,
        CompetitionException or SplitException or InvalidDataException or UnsafePathException or IOException or UnauthorizedAccessException => error.Message,
        _ when OutOfMemory.Is(error) => NoMemory,
        _ => null,
    };

    /// <summary>
    /// What a bug was, in one line. Errors of libtorch carry their native stack in the message, from the second line on: that is for the log.
    /// </summary>
    public static string Summarize(Exception error)
    {
        var line = error.Message.AsSpan().Trim();
        var end = line.IndexOfAny('\r', '\n');
        if (end >= 0) line = line[..end].TrimEnd();
        var stack = line.IndexOf("Exception raised from ", StringComparison.Ordinal);
        if (stack >= 0) line = line[..stack].TrimEnd();
        var what = error is ExternalException ? "libtorch reported an error" : error.GetType().Name;
        return $"{what}: {(line.Length <= LongestSummary ? line : $"{line[..LongestSummary]}…")}";
    }

    private const int LongestSummary = 500;

    /// <summary>What is special about a run that ended by an error; null where nothing is.</summary>
    public static RunMark? FlagOf(Exception error) => error switch
    {
        _ when DiskSpace.IsFull(error) => RunMark.DiskFull,
        DivergedException => RunMark.Diverged,
        _ when OutOfMemory.Is(error) => RunMark.OutOfMemory,
        _ => null,
    };

    private static string NoMemory => "There was not enough memory. Lower max_tokens_per_micro_batch or max_length, or take a smaller model.";
}
