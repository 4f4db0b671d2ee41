using System.CommandLine;
using System.Globalization;
using LoraArena.Cli.Printing;
using LoraArena.Data.Submissions;

namespace LoraArena.Cli.Commands;

/// <summary><c>submission</c>: checks of submission files.</summary>
internal static class SubmissionCommand
{
    public static Command Create() => new("submission", "Checks submission files.") { Check() };

    /// <summary>Refused where something is wrong.</summary>
    public static int ExitCode(SubmissionReport report) => report.Accepted ? Exit.Done : Exit.Refused;

    /// <summary>The option for a sample submission that belongs to another test.csv.</summary>
    public static Option<bool> IgnoreSample() => new("--ignore-sample") { Description = "The rows of test.csv, whatever the sample submission lists." };

    /// <summary>Prints a report for people.</summary>
    public static void Print(TextWriter text, string path, SubmissionReport report)
    {
        text.WriteLine($"{Show.Name(path)}: {Show.Count(report.Rows)} rows, {(report.Accepted ? "nothing is wrong" : "not acceptable")}");
        if (report.Mean is { } mean)
        {
            text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  mean     {mean.A:0.0000} model_a, {mean.B:0.0000} model_b, {mean.Tie:0.0000} tie"));
        }

        foreach (var error in report.Errors) text.WriteLine($"  error    {Show.Name(error)}");
        foreach (var warning in report.Warnings) text.WriteLine($"  warning  {Show.Name(warning)}");
    }

    private static Command Check()
    {
        var file = new Argument<string>("file") { Description = "The submission." };
        var competition = new Option<string>("--competition") { Description = "The competition whose rows it predicts.", HelpName = "NAME", Required = true };
        var ignoreSample = IgnoreSample();
        var command = new Command("check", "Says what Kaggle would refuse, and what is probably a mistake.") { file, competition, ignoreSample };
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = ArenaServices.Open(parse);
            var path = parse.GetRequiredValue(file);
            InputFile.Require(path);
            var report = arena.Get<RunSubmission>().Check(arena.Competition(parse.GetRequiredValue(competition)), path, parse.GetValue(ignoreSample));
            Output.Of(parse).Answer(
                new { File = Path.GetFullPath(path), report.Rows, report.Accepted, report.Errors, report.Warnings, report.Mean },
                text => Print(text, path, report));
            if (!report.Accepted) Output.Say($"{path} is not acceptable: {report.Errors[0]}");
            return ExitCode(report);
        });
        return command;
    }
}
