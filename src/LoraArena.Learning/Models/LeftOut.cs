namespace LoraArena.Learning.Models;

/// <summary>Tensors of a checkpoint that a classifier of battles has no use for.</summary>
internal static class LeftOut
{
    private const int MaxNamed = 3;

    // Heads of other tasks: language models', BERT's, DeBERTa's, question answering, rewards; poolers of models whose classifier has none.
    private static readonly string[] Heads =
        [
            "lm_head.", "cls.", "classifier.", "score.", "qa_outputs.", "lm_predictions.", "mask_predictions.",
            "discriminator_predictions.", "generator_predictions.", "v_head.", "value_head.", "pooler.", "roberta.pooler."];

    // Numbers that follow from the configuration, which earlier versions stored.
    private static readonly string[] Buffers = [".position_ids", ".inv_freq", ".masked_bias", ".token_type_ids", ".embed_scale"];

    /// <summary>True for a head of another task, and for numbers that are computed anyway.</summary>
    public static bool IsExpected(string name)
        => Heads.Any(head => name.StartsWith(head, StringComparison.Ordinal)) || Buffers.Any(buffer => name.EndsWith(buffer, StringComparison.Ordinal));

    /// <summary>The first names, and how many more there are.</summary>
    public static string Name(IReadOnlyList<string> names)
    {
        var first = string.Join(", ", names.Take(MaxNamed).Select(name => $"'{name}'"));
        return names.Count > MaxNamed ? $"{first} and {names.Count - MaxNamed} more" : first;
    }
}
