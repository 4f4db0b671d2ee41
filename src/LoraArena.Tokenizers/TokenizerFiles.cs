using System.Security.Cryptography;
using System.Text;

namespace LoraArena.Tokenizers;

/// <summary>The files of a model folder that decide its tokens.</summary>
public static class TokenizerFiles
{
    /// <summary>Their names; a folder has some of them.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt", "tokenizer.model", "spiece.model", "spm.model",
        "sentencepiece.bpe.model",
        AddedTokens,
    ];

    private const string AddedTokens = "added_tokens.json";

    /// <summary>
    /// Those that a folder has, with their paths. added_tokens.json is one only beside a SentencePiece model: tokenizer.json has its
    /// content.
    /// </summary>
    public static IReadOnlyList<string> In(string folder)
    {
        var whole = File.Exists(Path.Join(folder, "tokenizer.json"));
        return [.. Names.Where(name => !whole || name != AddedTokens).Select(name => Path.Join(folder, name)).Where(File.Exists)];
    }

    /// <summary>SHA-256 over names and content of those that a folder has, and of config.json, which may name the tokenizer's class.</summary>
    /// <exception cref="IOException">One cannot be read.</exception>
    public static string Hash(string folder)
    {
        var lines = new StringBuilder();
        foreach (var path in In(folder).Append(Path.Join(folder, "config.json")).Where(File.Exists))
        {
            using var stream = File.OpenRead(path);
            lines.Append(Convert.ToHexStringLower(SHA256.HashData(stream))).Append("  ").Append(Path.GetFileName(path)).Append('\n');
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(lines.ToString())));
    }
}
