using System.CommandLine;
using LoraArena.Core.Battles;
using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Runs;
using LoraArena.Data.Competitions;
using LoraArena.Data.Predictions;
using LoraArena.Learning.Training;
using LoraArena.Worker.Running;

namespace LoraArena.Worker.Commands;

/// <summary><c>predict</c>: predicts the rows of a CSV with a finished run's adapter.</summary>
internal static class PredictCommand
{
    public static Command Create()
    {
        var folder = new Argument<string>("run-folder") { Description = "Folder of a run that has succeeded." };
        var rows = new Option<string?>("--rows") { Description = "CSV with id, prompt, response_a, response_b; by default the competition's test.csv." };
        var output = new Option<string>("--out") { Description = "Where the probabilities go (CSV).", Required = true };
        var swapAverage = new Option<bool?>("--swap-average") { Description = "Average over both orders of the answers; by default as the run did." };
        var threads = new Option<int?>("--threads") { Description = "Threads an operation on the CPU may use; by default all processors." };
        var command = new Command("predict", "Predicts rows with a finished run.") { folder, rows, output, swapAverage, threads };
        command.SetAction(parse =>
        {
            var run = new RunFolder(parse.GetRequiredValue(folder));
            var arena = new ArenaFolder(Path.GetFullPath(Path.Join(run.Path, "..", "..")));
            using var inputs = RunInputs.OpenFinished(arena, run, parse.GetValue(threads) ?? Environment.ProcessorCount);
            var (battles, repairs) = parse.GetValue(rows) is { } csv ? inputs.ReadRows(csv) : (inputs.ReadTest(), []);
            var training = inputs.Spec.Training;
            var predictor = new Predictor(
                inputs.Model, inputs.Packer, parse.GetValue(swapAverage) ?? training.SwapAverage,
                MicroBatchSize.Of(training, inputs.Device.Torch));
            var predictions = predictor.Predict(battles, () =>
            {
                BetweenSteps.Collect();
                return false;
            });
            PredictionFile.Write(parse.GetRequiredValue(output), predictions);
            WorkerCommand.Print(new
            {
                Rows = predictions.Count,
                File = Path.GetFullPath(parse.GetRequiredValue(output)),
                Repaired = repairs.Count,
                Repairs = repairs.Take(ImportReport.MaxListed),
            });
            return WorkerCommand.Done;
        });
        return command;
    }
}
