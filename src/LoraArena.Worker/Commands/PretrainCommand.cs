using System.CommandLine;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Pretraining;
using LoraArena.Worker.Running;

namespace LoraArena.Worker.Commands;

/// <summary><c>pretrain</c>: makes a small base model from texts, resumable.</summary>
internal static class PretrainCommand
{
    public static Command Create()
    {
        var spec = new Argument<string>("spec") { Description = "A JSON file: config, vocabulary_size, texts, battles, steps …" };
        var output = new Option<string>("--out") { Description = "The model's folder; a training that was interrupted goes on there.", Required = true };
        var seconds = new Option<double?>("--seconds") { Description = "Stop after so many seconds; the next call goes on." };
        var threads = new Option<int?>("--threads") { Description = "Threads an operation on the CPU may use; by default all processors." };
        var command = new Command("pretrain", "Trains a small base model from nothing.") { spec, output, seconds, threads };
        command.SetAction(parse =>
        {
            TorchRuntime.Load(parse.GetValue(threads) ?? Environment.ProcessorCount);
            var session = new PretrainingSession(
                PretrainingSpec.Read(parse.GetRequiredValue(spec)), Path.GetFullPath(parse.GetRequiredValue(output)), TimeProvider.System);
            WorkerCommand.Print(session.Run(parse.GetValue(seconds)));
            return WorkerCommand.Done;
        });
        return command;
    }
}
