using LoraArena.Tokenizers.Files;

namespace LoraArena.Tokenizers.PostProcessors;

/// <summary>The post-processors by the type names of tokenizer.json.</summary>
internal static class PostProcessorCatalog
{
    /// <summary>Reads a post-processor.</summary>
    /// <param name="part">Its part of a tokenizer.json.</param>
    /// <param name="tokenOf">The token of an id; null where there is none.</param>
    /// <exception cref="TokenizerException">The type is not known, or it names a token that is not there.</exception>
    public static PostProcessor Read(JsonPart part, Func<int, string?> tokenOf)
    {
        var readers = new Dictionary<string, Func<JsonPart, PostProcessor>>(StringComparer.Ordinal)
        {
            ["BertProcessing"] = bert => SurroundWithTokens.ReadBert(bert, tokenOf),
            ["ByteLevel"] = TrimOffsets.ReadByteLevel,
            ["RobertaProcessing"] = roberta => new PostProcessorSequence([TrimOffsets.ReadByteLevel(roberta), SurroundWithTokens.ReadBert(roberta, tokenOf)]),
            ["Sequence"] = sequence => new PostProcessorSequence([.. sequence["processors"].Items().Select(item => Read(item, tokenOf))]),
            ["TemplateProcessing"] = template => SurroundWithTokens.ReadTemplate(template, tokenOf),
        };
        return part.ReadByType("post-processor", readers);
    }
}
