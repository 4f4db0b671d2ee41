using LoraArena.Tokenizers.Files;
using LoraArena.Tokenizers.Models;

namespace LoraArena.Tokenizers.PostProcessors;

/// <summary>Ids in a post-processor, each checked against the vocabulary.</summary>
internal static class SpecialId
{
    /// <summary>Reads an id.</summary>
    /// <exception cref="TokenizerException">No token has it.</exception>
    public static int Read(JsonPart part, Func<int, string?> tokenOf)
    {
        var id = part.Number(0, Vocabulary.MaxTokens - 1);
        return tokenOf(id) is null ? throw part.Problem($"no token has the id {id}") : id;
    }

    /// <summary>Reads a token and its id.</summary>
    /// <exception cref="TokenizerException">No token has the id.</exception>
    public static int ReadPair(JsonPart part, Func<int, string?> tokenOf)
        => part.Items().ToList() is [_, var id] ? Read(id, tokenOf) : throw part.Wanted("a token and its id");
}
