using System.CommandLine;
using System.Globalization;
using LoraArena.Learning.Devices;
using LoraArena.Worker.Commands;

// Numbers and dates are written the same on every host.
CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture;
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;

var root = new RootCommand("LoraArena's worker: the process that loads tensors. The app and the command line start it; a person may too.")
{
    DescribeCommand.Create(),
    SizeCommand.Create(),
    TrainCommand.Create(),
    PredictCommand.Create(),
    ExportCommand.Create(),
    PretrainCommand.Create(),
};

return HostMemory.End(WorkerCommand.Invoke(root, args));
