using LoraArena.Tokenizers.Files;
using LoraArena.Tokenizers.PreTokenizers;
using LoraArena.Tokenizers.PreTokenizers.Patterns;

namespace LoraArena.Tokenizers.Decoders;

/// <summary>Fuse: all parts become one.</summary>
internal sealed class FuseDecoder : TokenDecoder
{
    /// <inheritdoc/>
    public override List<string> Change(List<string> tokens) => [string.Concat(tokens)];
}

/// <summary>Replace: another text stands in each part in the place of what a pattern matches.</summary>
/// <param name="pattern">The pattern.</param>
/// <param name="content">The text.</param>
internal sealed class ReplaceDecoder(TextPattern pattern, string content) : TokenDecoder
{
    /// <summary>Reads the decoder's part of a tokenizer.json.</summary>
    public static ReplaceDecoder Read(JsonPart part) => new(PatternCatalog.Read(part["pattern"]), part["content"].Text());

    /// <inheritdoc/>
    public override List<string> Change(List<string> tokens) => tokens.ConvertAll(Replace);

    private string Replace(string token)
    {
        var matches = new List<TextSpan>();
        pattern.FindMatches(token, matches);
        for (var i = matches.Count - 1; i >= 0; i--) token = string.Concat(token.AsSpan(0, matches[i].Start), content, token.AsSpan(matches[i].End));
        return token;
    }
}

/// <summary>Strip: so many of one character at most vanish from the beginning and the end of each part.</summary>
/// <param name="content">The character.</param>
/// <param name="start">Most at the beginning.</param>
/// <param name="stop">Most at the end.</param>
internal sealed class StripDecoder(string content, int start, int stop) : TokenDecoder
{
    /// <summary>Reads the decoder's part of a tokenizer.json.</summary>
    public static StripDecoder Read(JsonPart part)
        => new(char.ConvertFromUtf32(part["content"].Character()), part["start"].Number(0, int.MaxValue), part["stop"].Number(0, int.MaxValue));

    /// <inheritdoc/>
    public override List<string> Change(List<string> tokens) => tokens.ConvertAll(token =>
    {
        var (from, to) = (0, token.Length);
        for (var i = 0; i < start && token.AsSpan(from, to - from).StartsWith(content, StringComparison.Ordinal); i++) from += content.Length;
        for (var i = 0; i < stop && token.AsSpan(from, to - from).EndsWith(content, StringComparison.Ordinal); i++) to -= content.Length;
        return token[from..to];
    });
}

/// <summary>Metaspace: the sign for the space becomes a space, and one that was put before the text vanishes.</summary>
/// <param name="replacement">The sign.</param>
/// <param name="scheme">Whether one was put there.</param>
internal sealed class MetaspaceDecoder(char replacement, PrependScheme scheme) : TokenDecoder
{
    /// <summary>Reads the decoder's part of a tokenizer.json.</summary>
    public static MetaspaceDecoder Read(JsonPart part) => new(PrependSchemes.ReadReplacement(part), PrependSchemes.Read(part));

    /// <inheritdoc/>
    public override List<string> Change(List<string> tokens)
    {
        for (var i = 0; i < tokens.Count; i++)
        {
            var space = i == 0 && scheme != PrependScheme.Never ? "" : " ";
            tokens[i] = tokens[i].Replace(replacement.ToString(), space, StringComparison.Ordinal);
        }

        return tokens;
    }
}

/// <summary>BPEDecoder: the sign for the end of a word becomes a space, behind the last token nothing.</summary>
/// <param name="suffix">The sign.</param>
internal sealed class WordEndDecoder(string suffix) : TokenDecoder
{
    /// <summary>Reads the decoder's part of a tokenizer.json.</summary>
    public static WordEndDecoder Read(JsonPart part)
        => new(part["suffix"].Text() is { Length: > 0 } suffix ? suffix : throw part["suffix"].Wanted("a text that is not empty"));

    /// <inheritdoc/>
    public override List<string> Change(List<string> tokens)
    {
        for (var i = 0; i < tokens.Count; i++) tokens[i] = tokens[i].Replace(suffix, i == tokens.Count - 1 ? "" : " ", StringComparison.Ordinal);
        return tokens;
    }
}
