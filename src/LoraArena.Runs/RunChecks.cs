using LoraArena.Core.Models;
using LoraArena.Core.Runs;

namespace LoraArena.Runs;

/// <summary>Settings that are valid one by one and cannot work together with this model on this host: said before the run is queued.</summary>
public static class RunChecks
{
    private static readonly TrainingOptions Defaults = new();

    /// <summary>A training as it can be done: a length that nobody has chosen fits itself to the model.</summary>
    /// <exception cref="OptionException">A setting cannot work; the message says which, why, and what would.</exception>
    public static TrainingOptions Check(TrainingOptions training, ModelCard model, WorkerDescription worker)
    {
        CheckDevice(training.Device, worker.Devices);
        var positions = model.Inspection.MaxLength;
        if (training.MaxLength <= positions) return training;
        if (training.MaxLength == Defaults.MaxLength) return training with { MaxLength = positions };
        throw new OptionException($"max_length is {training.MaxLength}, and {model.Name} has {positions} positions: give at most {positions}.");
    }

    private static void CheckDevice(string wanted, IReadOnlyList<DeviceDescription> devices)
    {
        var there = wanted switch
        {
            "auto" => true,
            "cuda" => devices.Any(d => d.Id.StartsWith("cuda:", StringComparison.Ordinal)),
            _ => devices.Any(d => d.Id == wanted),
        };
        if (there) return;
        throw new OptionException($"device is '{wanted}', and this host has {string.Join(", ", devices.Select(d => $"{d.Id} ({d.Name})"))}. 'auto' takes the best of them.");
    }
}
