using System.CommandLine;
using System.Text.Json.Nodes;
using LoraArena.Cli.Printing;
using LoraArena.Cli.Running;
using LoraArena.Core.Competitions;
using LoraArena.Core.Runs;
using LoraArena.Runs;

namespace LoraArena.Cli.Commands;

/// <summary><c>clone</c>: the same run again, with changes.</summary>
internal static class CloneCommand
{
    public static Command Create()
    {
        var run = WatchCommand.Run();
        var set = OptionPairs.Set();
        var seed = CommandOptions.Number<long>("--seed", "S", "Another seed.");
        var detach = RunCommand.Detach();
        var command = new Command("clone", "Starts a new run with the spec of another and some changes.") { run, set, seed, detach };
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var entry = await arena.RunAsync(parse.GetRequiredValue(run), cancel);
            var spec = RunSpec.Read(arena.Folder.Run(entry.Id).Spec);
            var competition = arena.Library.Get(spec.Competition.Id);
            if (competition.File(FileRole.Train)?.Sha256 != spec.Data.Train)
            {
                throw new RefusedException($"The training data of '{competition.Name}' has changed since, so a clone would not be the same run; start a new one with 'arena run'.");
            }

            var model = await arena.ModelAsync(spec.Model.Id, cancel);
            var (variant, worker) = await arena.VariantAsync(spec.Variant.Id, cancel);
            var named = parse.GetValue(seed) is { } other ? new JsonObject { ["seed"] = other } : [];
            var changes = OptionPairs.Read(parse.GetValue(set) ?? [], named, variant, worker);
            var order = new RunOrder(competition, spec.Split, model, changes.Apply(spec.Variant), changes.Apply(spec.Training), Environment.UserName, null);
            return await RunCommand.StartAsync(arena, order, parse.GetValue(detach), Output.Of(parse), cancel);
        });
        return command;
    }
}
