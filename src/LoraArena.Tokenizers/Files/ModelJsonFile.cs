using System.Text.Json;
using System.Text.Unicode;

namespace LoraArena.Tokenizers.Files;

/// <summary>
/// Reads the JSON files of a model folder, which come from strangers: size and nesting have limits, and no name may stand twice in an
/// object.
/// </summary>
internal static class ModelJsonFile
{
    /// <summary>Largest file read: four times the largest tokenizer.json in use.</summary>
    public const int MaxBytes = 128 << 20;

    /// <summary>What is wrong with a file that only names its content.</summary>
    public const string IsLfsPointer = "the file is a Git LFS pointer, not the file itself: run \"git lfs pull\" in the model's folder, or download the file";

    private const int MaxDepth = 64;

    private static readonly byte[] LfsPointer = "version https://git-lfs.github.com/spec/"u8.ToArray();
    private static readonly byte[] ByteOrderMark = [0xEF, 0xBB, 0xBF];
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = MaxDepth, AllowDuplicateProperties = false };

    /// <summary>Reads a file that must be there and hands its root to <paramref name="read"/>.</summary>
    /// <exception cref="TokenizerException">It is missing, too large or not JSON.</exception>
    public static T Read<T>(string path, Func<JsonPart, T> read)
        => TryRead(path, read, out var result)
            ? result
            : throw new TokenizerException(path, "$", "the file is missing; a model folder needs one in Hugging Face's format");

    /// <summary>Reads a file, or nothing where there is none.</summary>
    /// <exception cref="TokenizerException">It is too large or not JSON.</exception>
    public static bool TryRead<T>(string path, Func<JsonPart, T> read, out T result)
    {
        result = default!;
        byte[] bytes;
        try
        {
            using var file = File.OpenHandle(path);
            var length = RandomAccess.GetLength(file);
            if (length > MaxBytes) throw new TokenizerException(path, "$", $"the file has {length} bytes; more than {MaxBytes} are refused");
            bytes = new byte[length];
            var got = RandomAccess.Read(file, bytes, 0);
            while (got < bytes.Length)
            {
                var more = RandomAccess.Read(file, bytes.AsSpan(got), got);
                if (more == 0) throw new TokenizerException(path, "$", "the file became shorter while it was read");
                got += more;
            }
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }

        if (bytes.AsSpan().StartsWith(LfsPointer)) throw new TokenizerException(path, "$", IsLfsPointer);
        if (bytes is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..]) throw new TokenizerException(path, "$", "the file is UTF-16; JSON files are UTF-8");
        var text = bytes.AsMemory(bytes.AsSpan().StartsWith(ByteOrderMark) ? ByteOrderMark.Length : 0);
        if (!Utf8.IsValid(text.Span)) throw new TokenizerException(path, "$", "the file is not UTF-8");
        try
        {
            CheckNames(path, text.Span);
            using var document = JsonDocument.Parse(text, Options);
            result = read(new JsonPart(path, document.RootElement));
            return true;
        }
        catch (JsonException error)
        {
            throw new TokenizerException(path, "$", $"the file is not usable JSON: {error.Message}");
        }
    }

    // A name with an unpaired surrogate is valid JSON but no text: whatever looked at it later would fail without a place.
    private static void CheckNames(string path, ReadOnlySpan<byte> text)
    {
        var reader = new Utf8JsonReader(text, new JsonReaderOptions { MaxDepth = MaxDepth });
        while (reader.Read())
        {
            if (reader.TokenType != JsonTokenType.PropertyName || !reader.ValueIsEscaped) continue;
            try
            {
                _ = reader.GetString();
            }
            catch (InvalidOperationException)
            {
                throw new TokenizerException(path, "$", $"the name at byte {reader.TokenStartIndex} holds an unpaired surrogate, so it is not text");
            }
        }
    }
}
