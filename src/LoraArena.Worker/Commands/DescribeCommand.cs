using System.CommandLine;
using LoraArena.Core.Runs;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Options;
using LoraArena.Learning.Variants;
using LoraArena.Worker.Running;

namespace LoraArena.Worker.Commands;

/// <summary><c>describe</c>: what this worker can do, or what a model folder holds.</summary>
internal static class DescribeCommand
{
    public static Command Create()
    {
        var model = new Option<string?>("--model") { Description = "A model folder to look into, instead of the worker itself." };
        var command = new Command("describe", "Prints what this worker can do: variants with their options, model families, devices.") { model };
        command.SetAction(parse =>
        {
            if (parse.GetValue(model) is { } folder) WorkerCommand.Print(ModelInspector.Inspect(Path.GetFullPath(folder)));
            else WorkerCommand.Print(Describe());
            return WorkerCommand.Done;
        });
        return command;
    }

    private static WorkerDescription Describe()
    {
        var flavour = TorchRuntime.Load();
        return new WorkerDescription(
            RunEnvironment.Version,
            flavour,
            [.. ComputeDevice.All().Select(d => new DeviceDescription(d.Id, d.Name, d.MemoryBytes))],
            [.. ModelCatalog.Families.Keys],
            VariantCatalog.Describe(),
            OptionSchema.Of(typeof(TrainingOptions)));
    }
}
