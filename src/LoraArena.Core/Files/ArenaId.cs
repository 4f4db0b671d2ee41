using System.Security.Cryptography;

namespace LoraArena.Core.Files;

/// <summary>Names of folders: 26 characters of a–z and 0–9, made here and never taken from a user's text. They sort by the time they were made.</summary>
public static class ArenaId
{
    /// <summary>Length of every id.</summary>
    public const int Length = 26;

    private const string Alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

    /// <summary>A new id: 48 bits of the time in milliseconds, then 80 random bits, five bits a character (as ULID does).</summary>
    public static string New(TimeProvider time)
    {
        Span<char> id = stackalloc char[Length];
        var milliseconds = time.GetUtcNow().ToUnixTimeMilliseconds();
        for (var i = 9; i >= 0; i--, milliseconds >>= 5) id[i] = Alphabet[(int)(milliseconds & 31)];
        Span<byte> random = stackalloc byte[16];
        RandomNumberGenerator.Fill(random);
        for (var i = 0; i < 16; i++) id[10 + i] = Alphabet[random[i] & 31];
        return new string(id);
    }

    /// <summary>True for text that has the form of an id.</summary>
    public static bool IsValid(string id) => id.Length == Length && id.All(c => c is (>= 'a' and <= 'z') or (>= '0' and <= '9'));

    /// <summary>The id itself, when it has the form of one.</summary>
    /// <exception cref="UnsafePathException">It has not.</exception>
    public static string Check(string id) => IsValid(id) ? id : throw new UnsafePathException(id);
}
