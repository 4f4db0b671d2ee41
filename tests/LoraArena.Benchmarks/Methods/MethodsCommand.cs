using System.CommandLine;
using LoraArena.Learning.Devices;

namespace LoraArena.Benchmarks.Methods;

/// <summary>
/// <c>methods</c> and <c>table</c>: every method of the catalog beside LoRA, in cost and in what it learns. Both write each result as it
/// comes and go on where they were stopped.
/// </summary>
internal static class MethodsCommand
{
    /// <summary>The two commands.</summary>
    public static IEnumerable<Command> Create()
    {
        var only = new Option<string?>("--only") { Description = "Ids of methods, separated by commas; all where none is named." };
        var file = new Option<string>("--results") { Description = "Where the results go, one JSON line each; what is there is not done again." };
        var threads = new Option<int>("--threads") { DefaultValueFactory = _ => Environment.ProcessorCount };
        var steps = new Option<int>("--steps") { Description = "Steps of each side that are measured.", DefaultValueFactory = _ => 6 };
        var alone = new Option<bool>("--alone") { Description = "Without PEFT beside it." };
        var methods = new Command(
            "methods",
            "What each method costs beside LoRA of as many trainable parameters: step, memory, start, file; PEFT's ratio beside it.") { only, file, threads, steps, alone };
        methods.SetAction(parse =>
        {
            TorchRuntime.Load(parse.GetValue(threads));
            MethodCosts.Run(
                Names(parse.GetValue(only)), parse.GetValue(file) ?? "artifacts/method-costs.jsonl", parse.GetValue(steps),
                parse.GetValue(threads), withPeer: !parse.GetValue(alone));
        });

        var id = new Argument<string>("method");
        var options = new Argument<string>("options");
        var one = new Command(MethodAlone.CommandName, "Start, memory and file of one method, for the table above.") { id, options, threads };
        one.Hidden = true;
        one.SetAction(parse =>
        {
            TorchRuntime.Load(parse.GetValue(threads));
            OwnProcess.Answer(MethodAlone.Measure(parse.GetRequiredValue(id), parse.GetRequiredValue(options)));
        });

        var rows = new Option<int>("--rows") { Description = "Rows to train on.", DefaultValueFactory = _ => 2000 };
        var holdOut = new Option<int>("--hold-out") { Description = "Rows to validate on.", DefaultValueFactory = _ => 1000 };
        var maxLength = new Option<int>("--max-length") { Description = "Tokens of a battle at most.", DefaultValueFactory = _ => PreferenceRows.MaxLength };
        var seeds = new Option<int>("--seeds") { DefaultValueFactory = _ => 3 };
        var document = new Option<string>("--document") { Description = "The document whose table is written.", DefaultValueFactory = _ => "docs/variants.md" };
        var table = new Command("table", "Trains every method at its defaults on the same rows of real preferences and writes the table of docs/variants.md.") { only, file, threads, rows, holdOut, maxLength, seeds, document };
        table.SetAction(parse =>
        {
            MethodTable.Run(
                Names(parse.GetValue(only)), parse.GetValue(file) ?? "artifacts/method-table.jsonl", parse.GetValue(rows),
                parse.GetValue(holdOut), parse.GetValue(maxLength), parse.GetValue(seeds), parse.GetValue(threads), parse.GetRequiredValue(document));
        });

        var seed = new Option<int>("--seed");
        var line = new Command(MethodTable.CommandName, "One training of the table above.") { id, seed, threads, rows, holdOut, maxLength };
        line.Hidden = true;
        line.SetAction(parse =>
        {
            TorchRuntime.Load(parse.GetValue(threads));
            OwnProcess.Answer(MethodTable.Train(
                parse.GetRequiredValue(id), parse.GetValue(seed), parse.GetValue(rows), parse.GetValue(holdOut), parse.GetValue(maxLength)));
        });
        return [methods, one, table, line];
    }

    private static string[]? Names(string? only) => only?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
