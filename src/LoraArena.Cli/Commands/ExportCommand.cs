using System.CommandLine;
using System.Globalization;
using LoraArena.Cli.Printing;
using LoraArena.Core.Runs;
using LoraArena.Runs.Launching;

namespace LoraArena.Cli.Commands;

/// <summary><c>export</c>: a finished run for other tools.</summary>
internal static class ExportCommand
{
    public static Command Create()
    {
        var run = WatchCommand.Run();
        var format = new Option<string>("--format") { Description = "peft: the adapter; lora: the adapter as plain LoRA, whatever the method; merged: a whole model.", HelpName = "peft|lora|merged", Required = true };
        format.AcceptOnlyFromAmong("peft", "lora", "merged");
        var rank = CommandOptions.Number<int>("--rank", "R", "Ranks that lora keeps of each layer's update at most; by default as many as there are.", min: 1);
        var output = new Option<string>("--out") { Description = "A folder that is not there yet.", HelpName = "DIR", Required = true };
        var command = new Command(
            "export",
            "Writes a finished run as an adapter for Hugging Face PEFT, as plain LoRA, or merged as a model for Transformers.") { run, format, rank, output };
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var entry = await arena.SucceededRunAsync(parse.GetRequiredValue(run), cancel);
            var target = InputFile.NewFolder(parse.GetRequiredValue(output));
            var kind = parse.GetRequiredValue(format);
            string[] most = parse.GetValue(rank) is { } ranks ? ["--rank", ranks.ToString(CultureInfo.InvariantCulture)] : [];
            if (most.Length > 0 && kind != "lora") throw new OptionException("--rank goes with --format lora.");
            var answer = await Progress.ShowAsync(
                "Exporting …",
                _ => WorkerProgram.Find().AskAsync<WorkerAnswer>(
                    ["export", arena.Folder.Run(entry.Id).Path, "--format", kind, "--out", target, .. most], cancel));
            Output.Of(parse).Answer(new { Run = entry.Id, Format = kind, answer.Folder, answer.LogitError, answer.Files }, text =>
            {
                text.WriteLine(Show.Name(answer.Folder));
                foreach (var file in answer.Files) text.WriteLine($"  {Show.Name(file)}");
                if (answer.LogitError is { } error)
                {
                    text.WriteLine(string.Create(
                        CultureInfo.InvariantCulture,
                        $"Logits of {error.Rows} validation rows: at most {error.MaxAbsolute:0.0e+00} from the run's, {error.Relative:0.0e+00} relative."));
                }
            });
            return Exit.Done;
        });
        return command;
    }

    /// <summary>What the worker answers.</summary>
    private sealed record WorkerAnswer(string Folder, IReadOnlyList<string> Files)
    {
        /// <summary>How far the exported model's logits are from the run's; null where the export is the adapter itself.</summary>
        public LogitDifference? LogitError { get; init; }
    }

    private sealed record LogitDifference(int Rows, double MaxAbsolute, double Relative);
}
