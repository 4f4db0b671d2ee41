using System.CommandLine;
using LoraArena.Cli.Printing;
using LoraArena.Core.Models;
using LoraArena.Core.Runs;
using LoraArena.Runs;
using LoraArena.Runs.Downloads;

namespace LoraArena.Cli.Commands;

/// <summary><c>models</c>: the base models of the arena.</summary>
internal static class ModelsCommand
{
    public static Command Create()
    {
        var list = List();
        return new Command("models", "Registers, downloads and lists base models: Hugging Face folders on this host.")
        {
            list, Add(), Pull(), DeleteCommand.Model("remove"), ShowOne(),
        }.Defaulting(list);
    }

    private static Command List()
    {
        var command = new Command("list", "Lists the base models.");
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var models = await arena.Store.ModelsAsync(cancel);
            Output.Of(parse).Answer(new { Models = models }, text => Print(text, models));
            return Exit.Done;
        });
        return command;
    }

    private static Command Add()
    {
        var path = new Argument<string>("path") { Description = "The folder: config.json, *.safetensors, tokenizer.json." };
        var name = new Option<string?>("--name") { Description = "What to call it; by default the folder's name.", HelpName = "N" };
        var command = new Command("add", "Registers a folder; it is looked into, not copied.") { path, name };
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var folder = parse.GetRequiredValue(path);
            var card = await Progress.ShowAsync($"Checking {folder} …", _ => arena.Get<ModelRegistry>().AddAsync(folder, parse.GetValue(name), cancel));
            Output.Of(parse).Answer(card, text => PrintCard(text, card));
            return Exit.Done;
        });
        return command;
    }

    private static Command Pull()
    {
        var repository = new Argument<string>("repo-id") { Description = "The repository, such as owner/name, on the server that the setting Hub:Endpoint names." };
        var revision = new Option<string?>("--revision") { Description = "A branch, tag or commit; by default the main branch.", HelpName = "REV" };
        var name = new Option<string?>("--name") { Description = "What to call it; by default the repository's name.", HelpName = "N" };
        var command = new Command(
            "pull",
            "Downloads a model into the arena and registers it; a download that was stopped goes on where it was.") { repository, revision, name };
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var wanted = parse.GetRequiredValue(repository);
            var card = await Progress.ShowAsync($"Downloading {wanted} …", progress => arena.Get<ModelDownloader>().PullAsync(
                wanted, parse.GetValue(revision), parse.GetValue(name), now => progress.Now(Say(now)), cancel));
            Output.Of(parse).Answer(card, text => PrintCard(text, card));
            return Exit.Done;
        });
        return command;
    }

    private static string Say(DownloadProgress now)
        => now.TotalBytes > 0 ? $"{now.Step}: {Show.Bytes(now.Bytes)} of {Show.Bytes(now.TotalBytes)} ({100 * now.Bytes / now.TotalBytes} %)" : $"{now.Step} …";

    private static Command ShowOne()
    {
        var name = new Argument<string>("name") { Description = "The model's name or id." };
        var command = new Command("show", "Says what a model is.") { name };
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var card = await arena.ModelAsync(parse.GetRequiredValue(name), cancel);
            Output.Of(parse).Answer(card, text => PrintCard(text, card));
            return Exit.Done;
        });
        return command;
    }

    private static void Print(TextWriter text, IReadOnlyList<ModelCard> models)
    {
        if (models.Count == 0)
        {
            text.WriteLine("There are no models yet; 'arena models add' registers a folder, 'arena models pull' downloads a repository.");
            return;
        }

        var table = new TextTable()
            .Text("name")
            .Text("type")
            .Text("kind")
            .Figures("parameters")
            .Text("stored as")
            .Figures("size")
            .Text("licence")
            .Figures("longest")
            .Figures("training needs")
            .Text("path");
        foreach (var card in models)
        {
            var found = card.Inspection;
            table.Add(
                card.Name, found.ModelType, found.Kind, Show.Count(found.Parameters), found.Dtype, Show.Bytes(found.Bytes),
                found.License ?? "–", Show.Count(found.MaxLength), Needs(found) is { } needs ? "~" + Show.Bytes(needs) : "–", card.Path);
        }

        table.Write(text);
    }

    // With the tokens that go through at once where nobody has said otherwise.
    private static long? Needs(ModelInspection found) => found.TrainingBytes(new TrainingOptions().MicroBatchTokens(onGpu: false));

    private static void PrintCard(TextWriter text, ModelCard card)
    {
        var found = card.Inspection;
        text.WriteLine($"{Show.Name(card.Name)} ({found.ModelType}, {found.Kind})");
        text.WriteLine($"  folder      {Show.Name(card.Path)}");
        text.WriteLine($"  parameters  {Show.Count(found.Parameters)} in {Show.Count(found.Layers)} layers of width {Show.Count(found.HiddenSize)}, {found.Dtype}, {Show.Bytes(found.Bytes)}");
        text.WriteLine($"  text        {Show.Count(found.VocabularySize)} tokens known, {Show.Count(found.MaxLength)} in a sequence");
        text.WriteLine($"  sites       {string.Join(", ", found.Sites.Select(site => $"{site.Key} ×{site.Value}"))}");
        text.WriteLine($"  licence     {found.License ?? "not named in its folder"}");
        if (Needs(found) is { } needs)
        {
            text.WriteLine($"  training    about {Show.Bytes(needs)} of memory in fp32, {Show.Bytes(found.WeightBytes)} of it for the weights");
        }

        if (found.Head is { } head) text.WriteLine($"  head        {head}");
        foreach (var warning in found.Warnings ?? []) text.WriteLine($"  warning     {Show.Name(warning)}");
        text.WriteLine($"  SHA-256     {found.Sha256}");
    }
}
