using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace LoraArena.Core.Battles;

/// <summary>
/// Battles with the same prompt are not independent: they stay on one side of a split, and the board's intervals draw them together.
/// Prompts are the same when all their turns are, whatever their case, white space and Unicode form.
/// </summary>
public static class PromptGroup
{
    /// <summary>The group of a battle: 16 hexadecimal digits that depend on its prompt alone.</summary>
    public static string Key(Battle battle) => Key(battle.Prompts);

    /// <summary>The group of a prompt.</summary>
    public static string Key(IReadOnlyList<string?> prompts)
    {
        // Normalised text has no control characters, so a NUL separates turns and 0x1A stands for a missing one.
        var turns = string.Concat(prompts.Select(prompt => prompt is null ? "\u001a\0" : Normalize(prompt) + "\0"));
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(MemoryMarshal.AsBytes<char>(turns), hash);
        return Convert.ToHexStringLower(hash[..8]);
    }

    /// <summary>
    /// The text that decides: compatibility form (NFKC), lower case, each run of white space and control characters one space, none at the ends.
    /// Without ICU (.NET's invariant globalisation) only the compatibility form is left out.
    /// </summary>
    public static string Normalize(string prompt)
    {
        // Most prompts are ASCII, which is in this form already.
        var text = Ascii.IsValid(prompt)
            ? prompt.ToLowerInvariant()
            : Normalizable(prompt).Normalize(NormalizationForm.FormKC).ToUpperInvariant().ToLowerInvariant();
        var result = new char[text.Length];
        var (length, space) = (0, false);
        foreach (var c in text)
        {
            // Up to the space, everything is one or the other.
            if (c <= ' ' || (c >= '\u007f' && (char.IsWhiteSpace(c) || char.IsControl(c))))
            {
                space = length > 0;
                continue;
            }

            if (space) result[length++] = ' ';
            space = false;
            result[length++] = c;
        }

        return new string(result, 0, length);
    }

    /// <summary>Unicode normalisation refuses surrogates without a partner, which the real files have, and the byte order mark turned round.</summary>
    private static string Normalizable(string text)
    {
        text = text.Replace('\ufffe', '\ufffd');
        if (!text.AsSpan().ContainsAnyInRange('\ud800', '\udfff')) return text;
        var result = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes()) result.Append(rune);
        return result.ToString();
    }
}
