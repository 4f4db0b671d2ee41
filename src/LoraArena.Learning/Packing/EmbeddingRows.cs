using LoraArena.Learning.Models;

namespace LoraArena.Learning.Packing;

/// <summary>
/// Checks that the model has a row of its embedding for every token that occurs: folders whose tokenizer was enlarged without the model are common, and most of
/// them work as long as the added tokens stay out of sight.
/// </summary>
public static class EmbeddingRows
{
    /// <summary>Checks the tokens of a template, the padding token among them.</summary>
    /// <param name="model">The model's folder, for the message.</param>
    /// <param name="template">The template.</param>
    /// <param name="rows">Rows of the embedding.</param>
    /// <exception cref="ModelException">One has no row.</exception>
    public static void Check(string model, PackingTemplate template, int rows)
    {
        if (template.Pad >= rows) throw TooFew(model, $"the padding token has id {template.Pad}", rows);
        int[] ids = [.. template.Start, .. template.BeforeA, .. template.BeforeB, .. template.End, .. template.BetweenTurns, .. template.Cut];
        if (ids.Max() >= rows) throw TooFew(model, $"a token that stands round the texts has id {ids.Max()}", rows);
    }

    /// <summary>Checks the tokens of battles.</summary>
    /// <param name="model">The model's folder, for the message.</param>
    /// <param name="battles">The battles.</param>
    /// <param name="rows">Rows of the embedding.</param>
    /// <exception cref="ModelException">One has no row.</exception>
    public static void Check(string model, IReadOnlyList<TokenizedBattle> battles, int rows)
    {
        foreach (var battle in battles)
        {
            var highest = Math.Max(Highest(battle.Prompts), Math.Max(Highest(battle.A), Highest(battle.B)));
            if (highest >= rows) throw TooFew(model, $"row {battle.Id} of the data has a token with id {highest}", rows);
        }
    }

    /// <summary>Checks the tokens of one text.</summary>
    /// <param name="model">The model's folder, for the message.</param>
    /// <param name="text">The text, for the message.</param>
    /// <param name="ids">Its tokens.</param>
    /// <param name="rows">Rows of the embedding.</param>
    /// <exception cref="ModelException">One has no row.</exception>
    public static void Check(string model, string text, IReadOnlyList<int> ids, int rows)
    {
        if (ids.Count > 0 && ids.Max() >= rows) throw TooFew(model, $"the text \"{text}\" has a token with id {ids.Max()}", rows);
    }

    private static int Highest(IReadOnlyList<int[]> turns)
    {
        var highest = -1;
        foreach (var turn in turns) if (turn.Length > 0) highest = Math.Max(highest, turn.Max());
        return highest;
    }

    private static ModelException TooFew(string model, string what, int rows)
        => new(model, $"{what}, but the model's embedding has {rows} rows, for ids 0 to {rows - 1}: the tokenizer is not the model's own. Take the tokenizer files that came with the weights, or resize the model's embedding.");
}
