using System.CommandLine;
using LoraArena.Core.Files;
using LoraArena.Core.Runs;
using LoraArena.Worker.Running;

namespace LoraArena.Worker.Commands;

/// <summary><c>train</c>: does the run of a run folder, from its last checkpoint if it has one.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        var folder = new Argument<string>("run-folder") { Description = "The run's folder, with its spec.json." };
        var attempt = new Option<int?>("--attempt") { Description = "Number of this attempt; by default one more than the last." };
        var threads = new Option<int?>("--threads") { Description = "Threads an operation on the CPU may use; by default all processors." };
        var log = new Option<bool>("--log") { Description = "Write what would be printed to the run's log.txt, and leave the starter's session." };
        var autoDevice = new Option<string?>("--auto-device") { Description = "The device for a run whose device is auto; by default the best there is." };
        var command = new Command("train", "Does a run.") { folder, attempt, threads, log, autoDevice };
        command.SetAction(parse =>
        {
            var run = new RunFolder(parse.GetRequiredValue(folder));
            if (parse.GetValue(log)) Detached.Begin(run.Log);

            // <arena>/runs/<id>
            var arena = new ArenaFolder(Path.GetFullPath(Path.Join(run.Path, "..", "..")));
            return RunSession.Run(
                arena, run, parse.GetValue(attempt) ?? run.LastAttempt() + 1, parse.GetValue(threads) ?? Environment.ProcessorCount,
                parse.GetValue(autoDevice), TimeProvider.System);
        });
        return command;
    }
}
