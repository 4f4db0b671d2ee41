using LoraArena.Tokenizers.Files;

namespace LoraArena.Tokenizers.PreTokenizers;

/// <summary>Which parts of a text between added tokens get a space of their own in front.</summary>
internal enum PrependScheme
{
    /// <summary>Only the one at the beginning of the text.</summary>
    First,

    /// <summary>None.</summary>
    Never,

    /// <summary>Each.</summary>
    Always,
}

/// <summary>Reads the scheme and the sign for a space of a Metaspace part, which pre-tokenizer and decoder write alike.</summary>
internal static class PrependSchemes
{
    /// <summary>The scheme; files from before it existed say <c>add_prefix_space</c>.</summary>
    public static PrependScheme Read(JsonPart part)
    {
        var adds = part.Find("add_prefix_space")?.Flag() ?? true;
        if (part.Find("prepend_scheme") is not { } scheme) return adds ? PrependScheme.Always : PrependScheme.Never;
        var read = scheme.Text() switch
        {
            "first" => PrependScheme.First,
            "never" => PrependScheme.Never,
            "always" => PrependScheme.Always,
            _ => throw scheme.Wanted("first, never or always"),
        };
        return adds || read == PrependScheme.Never ? read : throw scheme.Problem("add_prefix_space is false, but the scheme adds one");
    }

    /// <summary>What stands for a space.</summary>
    public static char ReadReplacement(JsonPart part)
    {
        var replacement = part["replacement"].Character();
        return replacement <= char.MaxValue
            ? (char)replacement
            : throw part["replacement"].Problem("a sign for the space outside the 16-bit plane is not supported");
    }
}
