using System.Buffers;
using System.Text;
using System.Text.Json;

namespace LoraArena.Tokenizers.Files;

/// <summary>
/// BERT's vocab.txt, a token a line, for folders that have no tokenizer.json: becomes the tokenizer that Transformers makes of it, with the settings of
/// tokenizer_config.json.
/// </summary>
internal static class VocabularyTextFile
{
    /// <summary>Name of the file.</summary>
    public const string Name = "vocab.txt";

    /// <summary>The settings of tokenizer_config.json that such a tokenizer has.</summary>
    private sealed record Settings(bool Lowercase, bool SplitsChinese, bool? StripsAccents, Dictionary<string, string> Roles);

    /// <summary>Reads the folder's file as a tokenizer.json.</summary>
    /// <exception cref="TokenizerException">It is missing, malformed or has not the tokens that BERT needs.</exception>
    public static TokenizerFile Read(string folder)
    {
        var path = Path.Join(folder, Name);
        var tokens = ReadTokens(path);
        var settings = ReadSettings(folder);
        using var document = JsonDocument.Parse(Write(path, tokens, settings));
        return TokenizerFile.Read(new JsonPart(path, document.RootElement));
    }

    private static Dictionary<string, int> ReadTokens(string path)
    {
        var length = new FileInfo(path).Length;
        if (length > ModelJsonFile.MaxBytes)
        {
            throw new TokenizerException(path, "line 1", $"the file has {length} bytes; more than {ModelJsonFile.MaxBytes} are refused");
        }

        var tokens = new Dictionary<string, int>(StringComparer.Ordinal);
        var line = 0;
        try
        {
            foreach (var text in File.ReadLines(path, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true)))
            {
                if (line == 0 && text.StartsWith("version https://git-lfs", StringComparison.Ordinal))
                {
                    throw new TokenizerException(path, "line 1", ModelJsonFile.IsLfsPointer);
                }

                if (line == Models.Vocabulary.MaxTokens)
                {
                    throw new TokenizerException(path, $"line {line + 1}", $"there are more than {Models.Vocabulary.MaxTokens} tokens");
                }

                if (!tokens.TryAdd(text, line))
                {
                    throw new TokenizerException(path, $"line {line + 1}", $"the token \"{text}\" is there twice, first in line {tokens[text] + 1}");
                }

                line++;
            }
        }
        catch (DecoderFallbackException)
        {
            throw new TokenizerException(path, $"line {line + 1}", "the file is not UTF-8");
        }

        return tokens;
    }

    private static Settings ReadSettings(string folder)
    {
        var roles = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["unk_token"] = "[UNK]",
            ["sep_token"] = "[SEP]",
            ["pad_token"] = "[PAD]",
            ["cls_token"] = "[CLS]",
            ["mask_token"] = "[MASK]",
        };
        var settings = new Settings(true, true, null, roles);
        _ = ModelJsonFile.TryRead(Path.Join(folder, "tokenizer_config.json"), root =>
        {
            foreach (var role in roles.Keys.ToList())
            {
                if (root.Find(role) is { } value) roles[role] = value.Element.ValueKind == JsonValueKind.Object ? value["content"].Text() : value.Text();
            }

            settings = new Settings(
                root.Find("do_lower_case")?.Flag() ?? true, root.Find("tokenize_chinese_chars")?.Flag() ?? true,
                root.Find("strip_accents")?.Flag(), roles);
            return true;
        }, out _);
        return settings;
    }

    private static ReadOnlyMemory<byte> Write(string path, Dictionary<string, int> tokens, Settings settings)
    {
        var (cls, sep) = (Needed("cls_token"), Needed("sep_token"));
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartArray("added_tokens");
            foreach (var token in settings.Roles.Values.Distinct(StringComparer.Ordinal).Where(tokens.ContainsKey)) WriteAdded(json, tokens[token], token);
            json.WriteEndArray();
            json.WritePropertyName("normalizer");
            JsonSerializer.Serialize(json, new
            {
                type = "BertNormalizer",
                clean_text = true,
                handle_chinese_chars = settings.SplitsChinese,
                strip_accents = settings.StripsAccents,
                lowercase = settings.Lowercase,
            });
            json.WritePropertyName("pre_tokenizer");
            JsonSerializer.Serialize(json, new { type = "BertPreTokenizer" });
            json.WritePropertyName("post_processor");
            JsonSerializer.Serialize(
                json,
                new
                {
                    type = "BertProcessing",
                    cls = new object[] { settings.Roles["cls_token"], cls },
                    sep = new object[] { settings.Roles["sep_token"], sep },
                });
            json.WritePropertyName("decoder");
            JsonSerializer.Serialize(json, new { type = "WordPiece", prefix = "##", cleanup = true });
            json.WritePropertyName("model");
            JsonSerializer.Serialize(json, new
            {
                type = "WordPiece",
                unk_token = settings.Roles["unk_token"],
                continuing_subword_prefix = "##",
                max_input_chars_per_word = 100,
                vocab = tokens,
            });
            json.WriteEndObject();
        }

        return buffer.WrittenMemory;

        int Needed(string role) => tokens.TryGetValue(settings.Roles[role], out var id)
            ? id
            : throw new TokenizerException(path, role, $"the token \"{settings.Roles[role]}\" is in no line of the file");
    }

    private static void WriteAdded(Utf8JsonWriter json, int id, string content)
        => JsonSerializer.Serialize(json, new { id, content, single_word = false, lstrip = false, rstrip = false, normalized = false, special = true });
}
