using System.CommandLine;
using System.Text.Json;
using LoraArena.Cli.Printing;
using LoraArena.Cli.Running;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;
using LoraArena.Runs.Following;
using LoraArena.Storage.Entities;

namespace LoraArena.Cli.Commands;

/// <summary><c>show</c>: everything about one run.</summary>
internal static class ShowCommand
{
    public static Command Create()
    {
        var run = WatchCommand.Run();
        var command = new Command("show", "Says what a run is to do, where it stands and how it ended.") { run };
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var entry = await arena.RunAsync(parse.GetRequiredValue(run), cancel);
            var folder = arena.Folder.Run(entry.Id);
            var progress = arena.Get<RunFollower>().Poll(entry.Id);
            var document = new Shown(
                entry.Id, entry.State, entry.Reason, entry.Phase, entry.Attempt, progress.LastStep?.Step ?? entry.Step,
                progress.Plan is { Steps: > 0 } plan ? plan.Steps : null, folder.Path,
                RunSpec.Read(folder.Spec), ReadResult(folder), [.. progress.Warnings.Select(warning => warning.Text)]);
            Output.Of(parse).Answer(document, text => Print(text, entry, document));
            return Exit.Done;
        });
        return command;
    }

    // A damaged file does not hide the rest.
    private static RunResult? ReadResult(RunFolder folder)
    {
        try
        {
            return JsonFile.TryRead<RunResult>(folder.Result);
        }
        catch (JsonFileException error)
        {
            Output.Say(error.Message);
            return null;
        }
    }

    private static void Print(TextWriter text, RunEntry run, Shown shown)
    {
        RunAnswer.Print(text, run);
        if (shown.Steps is { } steps) text.WriteLine($"  step        {Show.Count(shown.Step)} of {Show.Count(steps)}, attempt {Show.Count(shown.Attempt)}");
        var spec = shown.Spec;
        text.WriteLine($"  competition {Show.Name(spec.Competition.Name)}, {Show.Name(spec.Split.Name)}{(spec.Split.Fold is { } fold ? FormattableString.Invariant($", fold {fold}") : "")}");
        text.WriteLine($"  model       {Show.Name(spec.Model.Name)}");
        text.WriteLine($"  variant     {spec.Variant.Id} {spec.Variant.Options.ToJsonString(ArenaJson.Line)}");
        text.WriteLine($"  training    {Show.Name(JsonSerializer.Serialize(spec.Training, ArenaJson.Line))}");
        text.WriteLine($"  asked for   by {Show.Name(spec.Owner)}, {Show.Time(spec.Created)}");
        text.WriteLine($"  folder      {Show.Name(shown.Folder)}");
        foreach (var warning in shown.Warnings) text.WriteLine($"  warning     {Show.Name(warning)}");
    }

    /// <summary>The answer.</summary>
    private sealed record Shown(
        string Run, string State, string? Reason, string? Phase, int Attempt, long Step, long? Steps, string Folder, RunSpec Spec,
        RunResult? Result, IReadOnlyList<string> Warnings);
}
