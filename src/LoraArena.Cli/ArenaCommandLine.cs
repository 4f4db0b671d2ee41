using System.CommandLine;
using LoraArena.Cli.Commands;
using LoraArena.Cli.Printing;

namespace LoraArena.Cli;

/// <summary>The whole command line: what commands there are, and how one is run.</summary>
internal static class ArenaCommandLine
{
    /// <summary>Runs the command that the arguments name.</summary>
    /// <param name="args">The arguments.</param>
    /// <param name="cancel">Interrupts it.</param>
    /// <returns>The process's exit code.</returns>
    public static async Task<int> RunAsync(string[] args, CancellationToken cancel)
    {
        // '@name' is an argument here, not a file of arguments, and '-abc' is no three options.
        var parsed = Root().Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null, EnablePosixBundling = false });
        if (parsed.Errors.Count > 0) return SayWrongUsage(parsed);
        var invocation = new InvocationConfiguration
        {
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
            Output = Terminal.Out,
            Error = Terminal.Error,
        };
        try
        {
            return await parsed.InvokeAsync(invocation, cancel);
        }
        catch (Exception error)
        {
            var (code, reason) = ErrorMap.Explain(error);
            Output.Say(reason);
            return code;
        }
    }

    private static RootCommand Root()
    {
        var root = new RootCommand("LoraArena: find out which fine-tuning of a preference model is really better.")
        {
            ImportCommand.Create(),
            CompetitionsCommand.Create(),
            SplitCommand.Create(),
            BaselinesCommand.Create(),
            ModelsCommand.Create(),
            VariantsCommand.Create(),
            SizeCommand.Create(),
            RunCommand.Create(),
            TrialCommand.Create(),
            WatchCommand.Create(),
            StopCommand.Create(),
            ResumeCommand.Create(),
            CloneCommand.Create(),
            QueueCommand.Create(),
            RunsCommand.Create(),
            ShowCommand.Create(),
            BoardCommand.Create(),
            CompareCommand.Create(),
            PredictCommand.Create(),
            SubmissionCommand.Create(),
            ExportCommand.Create(),
            DeleteCommand.Create(),
            StarterCommand.Create(),
            UserCommand.Create(),
            ServeCommand.Create(),
        };
        root.Options.Add(GlobalOptions.Store);
        root.Options.Add(GlobalOptions.Json);
        return root;
    }

    private static int SayWrongUsage(ParseResult parsed)
    {
        foreach (var error in parsed.Errors) Output.Say(error.Message);
        var path = new Stack<string>();
        for (var command = parsed.CommandResult; command is not null; command = command.Parent as System.CommandLine.Parsing.CommandResult)
        {
            path.Push(command.Parent is null ? "arena" : command.Command.Name);
        }

        Output.Say($"'{string.Join(' ', path)} --help' says how it is used.");
        return Exit.WrongUsage;
    }
}
