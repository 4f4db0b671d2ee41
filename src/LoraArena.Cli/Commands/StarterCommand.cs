using System.CommandLine;
using LoraArena.Cli.Printing;
using LoraArena.Data.Starter;

namespace LoraArena.Cli.Commands;

/// <summary><c>starter</c>: a small invented competition to try everything with.</summary>
internal static class StarterCommand
{
    private static string[] Files { get; } = ["train.csv", "test.csv", "sample_submission.csv"];

    public static Command Create()
    {
        var output = new Option<string>("--out") { Description = "Where the three files go; made where it is missing.", HelpName = "DIR", Required = true };
        var seed = new Option<long>("--seed") { Description = "Names everything that is drawn; the same seed gives the same bytes.", HelpName = "S" };
        var command = new Command("starter", "Makes a small invented competition in the form of the real one.") { output, seed };
        command.SetAction(parse =>
        {
            var folder = Path.GetFullPath(parse.GetRequiredValue(output));
            if (File.Exists(folder)) throw new RefusedException($"{folder} is a file; name a folder.");
            if (Files.FirstOrDefault(name => File.Exists(Path.Join(folder, name))) is { } there) throw new RefusedException($"{Path.Join(folder, there)} is there already and may be real data; name another folder.");
            StarterGenerator.Write(folder, parse.GetValue(seed));
            Output.Of(parse).Answer(new { Folder = folder, Seed = parse.GetValue(seed), Files }, text => text.WriteLine($"{Show.Name(folder)}: {string.Join(", ", Files)}"));
            return Exit.Done;
        });
        return command;
    }
}
