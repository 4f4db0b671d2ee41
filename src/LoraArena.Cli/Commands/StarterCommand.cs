using System.CommandLine;
using LoraArena.Cli.Printing;
using LoraArena.Starter;

namespace LoraArena.Cli.Commands;

/// <summary><c>starter</c>: a small invented competition to try everything with.</summary>
internal static class StarterCommand
{
    private static string[] Files { get; } = ["train.csv", "test.csv", "sample_submission.csv"];

    public static Command Create()
    {
        var output = new Option<string>("--out") { Description = "Where the three files go; made where it is missing.", HelpName = "DIR", Required = true };
        var seed = CommandOptions.Number<long>("--seed", "S", "Names everything that is drawn; the same seed gives the same bytes. 0 by default.");
        var command = new Command("starter", "Makes a small invented competition in the form of the real one.") { output, seed };
        command.SetAction(parse =>
        {
            var folder = Path.GetFullPath(parse.GetRequiredValue(output));
            if (File.Exists(folder)) throw new RefusedException($"{folder} is a file; name a folder.");
            if (Files.FirstOrDefault(name => File.Exists(Path.Join(folder, name))) is { } there)
            {
                throw new RefusedException($"{Path.Join(folder, there)} is there already and may be real data; name another folder.");
            }

            var drawn = parse.GetValue(seed) ?? 0;
            StarterGenerator.Write(folder, drawn);
            Output.Of(parse).Answer(new { Folder = folder, Seed = drawn, Files }, text => text.WriteLine($"{Show.Name(folder)}: {string.Join(", ", Files)}"));
            return Exit.Done;
        });
        return command;
    }
}
