using System.CommandLine;
using LoraArena.Core.Files;
using LoraArena.Core.Runs;
using LoraArena.Learning.Peft;
using LoraArena.Worker.Running;

namespace LoraArena.Worker.Commands;

/// <summary><c>export</c>: a finished run's adapter for Hugging Face PEFT, or the merged model for Transformers.</summary>
internal static class ExportCommand
{
    public static Command Create()
    {
        var folder = new Argument<string>("run-folder") { Description = "Folder of a run that has succeeded." };
        var format = new Option<string>("--format") { Description = "peft: the adapter; merged: a whole model.", DefaultValueFactory = _ => "peft" };
        format.AcceptOnlyFromAmong("peft", "merged");
        var output = new Option<string>("--out") { Description = "A folder that is not there yet.", Required = true };
        var command = new Command("export", "Writes a finished run for other tools.") { folder, format, output };
        command.SetAction(parse =>
        {
            var run = new RunFolder(parse.GetRequiredValue(folder));
            var arena = new ArenaFolder(Path.GetFullPath(Path.Join(run.Path, "..", "..")));
            var target = Path.GetFullPath(parse.GetRequiredValue(output));
            if (Directory.Exists(target) || File.Exists(target)) throw new IOException($"{target} is there already; name a folder that is not.");
            var temporary = AtomicFile.TemporaryPath(target);
            try
            {
                if (parse.GetRequiredValue(format) == "peft") PeftExport.Copy(run, temporary);
                else Merge(arena, run, temporary);
                AtomicFile.PublishFolder(temporary, target);
            }
            finally
            {
                if (Directory.Exists(temporary)) Directory.Delete(temporary, recursive: true);
            }

            WorkerCommand.Print(new { Folder = target, Files = Directory.EnumerateFiles(target).Select(Path.GetFileName).Order(StringComparer.Ordinal) });
            return WorkerCommand.Done;
        });
        return command;
    }

    private static void Merge(ArenaFolder arena, RunFolder run, string target)
    {
        using var inputs = RunInputs.OpenFinished(arena, run, Environment.ProcessorCount);
        MergedModel.Write(target, inputs.Model, inputs.Spec.Model.Path, inputs.PadTokenId);
    }
}
