using System.CommandLine;
using LoraArena.Core.Files;
using LoraArena.Core.Runs;
using LoraArena.Learning.Packing;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Training;
using LoraArena.Worker.Running;
using TorchSharp;

namespace LoraArena.Worker.Commands;

/// <summary>
/// <c>export</c>: a finished run's adapter for Hugging Face PEFT, as its method has it or as plain LoRA, or the merged model for
/// Transformers.
/// </summary>
internal static class ExportCommand
{
    // Validation rows by which an export is compared with the run.
    private const int ComparedRows = 32;

    public static Command Create()
    {
        var folder = new Argument<string>("run-folder") { Description = "Folder of a run that has succeeded." };
        var format = new Option<string>("--format") { Description = "peft: the adapter; lora: the adapter as plain LoRA, whatever the method; merged: a whole model.", DefaultValueFactory = _ => "peft" };
        format.AcceptOnlyFromAmong("peft", "lora", "merged");
        var rank = new Option<int?>("--rank") { Description = "Ranks that lora keeps of each layer's update at most; by default as many as there are." };
        var output = new Option<string>("--out") { Description = "A folder that is not there yet.", Required = true };
        var command = new Command("export", "Writes a finished run for other tools.") { folder, format, rank, output };
        command.SetAction(parse =>
        {
            var run = new RunFolder(parse.GetRequiredValue(folder));
            var arena = new ArenaFolder(Path.GetFullPath(Path.Join(run.Path, "..", "..")));
            var target = Path.GetFullPath(parse.GetRequiredValue(output));
            if (Directory.Exists(target) || File.Exists(target)) throw new IOException($"{target} is there already; name a folder that is not.");
            var temporary = AtomicFile.TemporaryPath(target);
            var (kind, most) = (parse.GetRequiredValue(format), parse.GetValue(rank));
            if (most is not null && (kind != "lora" || most < 1))
            {
                throw new OptionException("--rank is a whole number of at least 1, and goes with --format lora.");
            }

            LogitError? error = null;
            try
            {
                if (kind == "peft") PeftExport.Copy(run, temporary);
                else error = Compared(arena, run, kind, temporary, most);
                AtomicFile.PublishFolder(temporary, target);
            }
            finally
            {
                if (Directory.Exists(temporary)) Directory.Delete(temporary, recursive: true);
            }

            WorkerCommand.Print(new
            {
                Folder = target,
                LogitError = error,
                Files = Directory.EnumerateFiles(target).Select(Path.GetFileName).Order(StringComparer.Ordinal),
            });
            return WorkerCommand.Done;
        });
        return command;
    }

    // How far the exported weights' logits are from the run's: those of the model once it is merged, or of the base model with the plain LoRA.
    private static LogitError Compared(ArenaFolder arena, RunFolder run, string kind, string folder, int? rank)
    {
        using var inputs = RunInputs.OpenFinished(arena, run, Environment.ProcessorCount);
        using var scope = torch.NewDisposeScope();
        var (train, validation) = inputs.ReadSplit();
        IReadOnlyList<TokenizedBattle> rows = [.. validation.Concat(train).Take(ComparedRows)];
        var tokens = MicroBatchSize.Of(inputs.Spec.Training, inputs.Device.Torch);
        var before = LogitError.Logits(inputs.Model, inputs.Packer, rows, tokens);
        using var plain = kind == "lora" ? inputs.LoadBase() : null;
        if (plain is null) MergedModel.Write(folder, inputs.Model, inputs.Spec.Model.Path, inputs.PadTokenId);
        else LoraConversion.Write(folder, inputs.Model, plain, inputs.BaseName, rank);
        if (plain is not null) ExportReadMe.WriteOfAdapter(folder, plain, inputs.BaseName, inputs.PadTokenId);
        return LogitError.Between(before, LogitError.Logits(plain ?? inputs.Model, inputs.Packer, rows, tokens));
    }
}
