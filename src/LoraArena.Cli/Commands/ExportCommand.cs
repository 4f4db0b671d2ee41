using System.CommandLine;
using LoraArena.Cli.Printing;
using LoraArena.Runs.Launching;

namespace LoraArena.Cli.Commands;

/// <summary><c>export</c>: a finished run for other tools.</summary>
internal static class ExportCommand
{
    public static Command Create()
    {
        var run = WatchCommand.Run();
        var format = new Option<string>("--format") { Description = "peft: the adapter; merged: a whole model.", HelpName = "peft|merged", Required = true };
        format.AcceptOnlyFromAmong("peft", "merged");
        var output = new Option<string>("--out") { Description = "A folder that is not there yet.", HelpName = "DIR", Required = true };
        var command = new Command("export", "Writes a finished run as an adapter for Hugging Face PEFT, or merged as a model for Transformers.") { run, format, output };
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var entry = await arena.SucceededRunAsync(parse.GetRequiredValue(run), cancel);
            var target = InputFile.NewFolder(parse.GetRequiredValue(output));
            var kind = parse.GetRequiredValue(format);
            var answer = await Progress.ShowAsync("Exporting …", _ => WorkerProgram.Find().AskAsync<WorkerAnswer>(["export", arena.Folder.Run(entry.Id).Path, "--format", kind, "--out", target], cancel));
            Output.Of(parse).Answer(new { Run = entry.Id, Format = kind, answer.Folder, answer.Files }, text =>
            {
                text.WriteLine(Show.Name(answer.Folder));
                foreach (var file in answer.Files) text.WriteLine($"  {Show.Name(file)}");
            });
            return Exit.Done;
        });
        return command;
    }

    /// <summary>What the worker answers.</summary>
    private sealed record WorkerAnswer(string Folder, IReadOnlyList<string> Files);
}
