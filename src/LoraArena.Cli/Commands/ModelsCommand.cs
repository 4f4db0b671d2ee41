using System.CommandLine;
using LoraArena.Cli.Printing;
using LoraArena.Core.Models;
using LoraArena.Runs;

namespace LoraArena.Cli.Commands;

/// <summary><c>models</c>: the base models of the arena.</summary>
internal static class ModelsCommand
{
    public static Command Create() => new("models", "Registers and lists base models: Hugging Face folders on this host.") { List(), Add(), Remove(), ShowOne() };

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
            var card = await Progress.ShowAsync($"Looking into {folder} …", _ => arena.Get<ModelRegistry>().AddAsync(folder, parse.GetValue(name), cancel));
            Output.Of(parse).Answer(card, text => PrintCard(text, card));
            return Exit.Done;
        });
        return command;
    }

    private static Command Remove()
    {
        var name = new Argument<string>("name") { Description = "The model's name or id." };
        var command = new Command("remove", "Takes a model off the list; its folder stays as it is, and so do the results of its runs.") { name };
        command.SetAction(async (parse, cancel) =>
        {
            await using var arena = await ArenaServices.OpenIndexAsync(parse, cancel);
            var card = await arena.ModelAsync(parse.GetRequiredValue(name), cancel);
            await arena.Get<ModelRegistry>().RemoveAsync(card.Id, cancel);
            Output.Of(parse).Answer(new { Removed = card.Name, card.Id }, text => text.WriteLine($"Model {Show.Name(card.Name)} is off the list."));
            return Exit.Done;
        });
        return command;
    }

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
            text.WriteLine("There are no models yet; 'arena models add' registers a folder.");
            return;
        }

        var table = new TextTable().Text("name").Text("type").Text("kind").Figures("parameters").Figures("layers").Figures("longest").Text("path");
        foreach (var card in models)
        {
            var found = card.Inspection;
            table.Add(card.Name, found.ModelType, found.Kind, Show.Count(found.Parameters), Show.Count(found.Layers), Show.Count(found.MaxLength), card.Path);
        }

        table.Write(text);
    }

    private static void PrintCard(TextWriter text, ModelCard card)
    {
        var found = card.Inspection;
        text.WriteLine($"{Show.Name(card.Name)} ({found.ModelType}, {found.Kind})");
        text.WriteLine($"  folder      {Show.Name(card.Path)}");
        text.WriteLine($"  parameters  {Show.Count(found.Parameters)} in {Show.Count(found.Layers)} layers of width {Show.Count(found.HiddenSize)}, {found.Dtype}, {Show.Bytes(found.Bytes)}");
        text.WriteLine($"  text        {Show.Count(found.VocabularySize)} tokens known, {Show.Count(found.MaxLength)} in a sequence");
        text.WriteLine($"  sites       {string.Join(", ", found.Sites.Select(site => $"{site.Key} ×{site.Value}"))}");
        text.WriteLine($"  SHA-256     {found.Sha256}");
    }
}
