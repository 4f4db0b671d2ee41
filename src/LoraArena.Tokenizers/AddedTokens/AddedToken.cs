using LoraArena.Tokenizers.Files;

namespace LoraArena.Tokenizers.AddedTokens;

/// <summary>A token that is cut out of a text before anything else looks at it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">Its text.</param>
/// <param name="SingleWord">Counts only where no word character touches it.</param>
/// <param name="StripsLeft">Takes the white space before it along.</param>
/// <param name="StripsRight">Takes the white space after it along.</param>
/// <param name="Normalized">Is looked for in the normalised text, in its own normalised form.</param>
/// <param name="Special">Is control, not text: may be left out when decoding.</param>
internal sealed record AddedToken(int Id, string Content, bool SingleWord, bool StripsLeft, bool StripsRight, bool Normalized, bool Special)
{
    /// <summary>A token that counts wherever it stands, its id still unknown.</summary>
    public static AddedToken Plain(string content, bool special)
        => new(-1, content, SingleWord: false, StripsLeft: false, StripsRight: false, Normalized: false, special);

    /// <summary>Reads an entry of a tokenizer.json's <c>added_tokens</c>.</summary>
    public static AddedToken Read(JsonPart part) => new(
        part["id"].Number(0, Models.Vocabulary.MaxTokens - 1),
        part["content"].Text(),
        part["single_word"].Flag(),
        part["lstrip"].Flag(),
        part["rstrip"].Flag(),
        part["normalized"].Flag(),
        part["special"].Flag());
}
