using System.CommandLine;
using System.Text.Json.Nodes;
using LoraArena.Cli.Printing;
using LoraArena.Cli.Running;
using LoraArena.Core.Competitions;
using LoraArena.Core.Runs;
using LoraArena.Data.Competitions;
using LoraArena.Data.Splits;
using LoraArena.Runs;

namespace LoraArena.Cli.Commands;

/// <summary><c>run</c>: one training of one variant on one split with one seed.</summary>
internal static class RunCommand
{
    private const int MaxNameCharacters = 100;

    /// <summary>Whether to wait for a run's end.</summary>
    public static Option<bool> Detach() => new("--detach") { Description = "Do not wait for its end." };

    public static Command Create()
    {
        var competition = new Option<string>("--competition") { Description = "The competition.", HelpName = "NAME", Required = true };
        var model = new Option<string>("--model") { Description = "The base model.", HelpName = "M", Required = true };
        var variant = new Option<string>("--variant") { Description = "The fine-tuning method; 'arena variants' lists them.", HelpName = "ID", Required = true };
        var set = OptionPairs.Set();
        var epochs = CommandOptions.Number<double>("--epochs", "E", "Passes over the training rows.");
        var steps = CommandOptions.Number<long>("--steps", "N", "Optimiser steps, in place of epochs.");
        var seconds = CommandOptions.Number<double>("--seconds", "T", "Seconds of training after which the run ends at the next step.");
        var maxLength = CommandOptions.Number<int>("--max-length", "L", "Tokens of one battle at most.");
        var batch = CommandOptions.Number<int>("--batch", "B", "Battles an optimiser step.");
        var learningRate = CommandOptions.Number<double>("--lr", "X", "Peak learning rate; by default the one that suits the method.");
        var seed = CommandOptions.Number<long>("--seed", "S", "Seed of everything random.");
        var split = new SplitOptions();
        var holdOut = new Option<bool>("--hold-out") { Description = "Validate on the competition's hold-out rows; the default." };
        var splitFile = new Option<string?>("--split")
        {
            Description = "A JSON file with lists of row ids: {\"train\": […], \"validation\": […]}.",
            HelpName = "FILE",
        };
        var name = new Option<string?>("--name") { Description = "What to call the run.", HelpName = "TEXT" };
        var detach = Detach();
        var command = new Command("run", "Trains a variant and scores it on the validation rows.")
        {
            competition, model, variant, set, epochs, steps, seconds, maxLength, batch, learningRate, seed, split.Fold, split.SplitId,
            holdOut, splitFile, name, detach,
        };
        command.AllowOneOf(epochs, steps, seconds);
        command.AllowOneOf(split.Fold, holdOut, splitFile);
        command.AllowOneOf(split.SplitId, holdOut, splitFile);
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var target = arena.Competition(parse.GetRequiredValue(competition));
            var card = await arena.ModelAsync(parse.GetRequiredValue(model), cancel);
            var (method, worker) = await arena.VariantAsync(parse.GetRequiredValue(variant), cancel);
            var named = new JsonObject();
            Put("num_train_epochs", parse.GetValue(epochs));
            Put("max_steps", parse.GetValue(steps));
            Put("max_seconds", parse.GetValue(seconds));
            Put("max_length", parse.GetValue(maxLength));
            Put("batch_size", parse.GetValue(batch));
            Put("learning_rate", parse.GetValue(learningRate));
            Put("seed", parse.GetValue(seed));
            var given = OptionPairs.Read(parse.GetValue(set) ?? [], named, method, worker);
            var rows = parse.GetValue(splitFile) is { } file ? ReadSplit(arena.Library, target, file) : split.Choose(parse, arena.Library, target);
            var order = new RunOrder(
                target, rows, card, given.Apply(new VariantChoice(method.Id, [])), given.Apply(method.DefaultTraining()),
                Environment.UserName, CheckName(parse.GetValue(name)));
            return await StartAsync(arena, order, parse.GetValue(detach), Output.Of(parse), cancel);

            void Put<T>(string key, T? value) where T : struct
            {
                if (value is { } there) named.Add(key, JsonValue.Create(there));
            }
        });
        return command;
    }

    /// <summary>Queues a run and follows it, or only starts it.</summary>
    public static async Task<int> StartAsync(ArenaServices arena, RunOrder order, bool detach, Output output, CancellationToken cancel)
    {
        var id = await arena.Get<RunService>().StartAsync(order, cancel);
        Output.Say($"Run {id} is queued.");
        var watch = new RunWatch(arena, output);
        return detach ? await watch.StartAndReturnAsync(id, cancel) : await watch.FollowAsync(id, cancel);
    }

    private static SplitReference ReadSplit(CompetitionLibrary library, Competition competition, string path)
    {
        InputFile.Require(path);
        var train = competition.File(FileRole.Train)
            ?? throw new RefusedException($"Competition '{competition.Name}' has no training data yet; import its train.csv first.");
        var (split, warnings) = SplitFile.Read(path, Path.GetFileName(path), library.ListLabelled(train.Sha256));
        foreach (var warning in warnings) Output.Say(warning);
        library.AddSplit(competition.Id, split, warnings);
        return new SplitReference(split.Id, split.Name, null);
    }

    private static string? CheckName(string? name)
    {
        if (name is null) return null;
        name = name.Trim();
        if (name.Length is 0 or > MaxNameCharacters || Show.Name(name) != name)
        {
            throw new RefusedException($"A run's name has 1 to {MaxNameCharacters} visible characters.");
        }

        return name;
    }
}
