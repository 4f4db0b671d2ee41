using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;
using LoraArena.Tokenizers.AddedTokens;

namespace LoraArena.Tokenizers.Files.SentencePiece;

/// <summary>
/// A folder whose tokenizer is a SentencePiece model alone: becomes the tokenizer.json that Transformers' AutoTokenizer makes of it.
/// </summary>
internal static class SentencePieceFolder
{
    /// <summary>The model file of a folder; null where it has none.</summary>
    public static string? Find(string folder)
        => SentencePieceClass.FileNames.Select(name => Path.Join(folder, name)).FirstOrDefault(File.Exists);

    /// <summary>Reads a folder's file.</summary>
    /// <param name="folder">The folder, with the files that Transformers puts beside the model.</param>
    /// <param name="path">The model.</param>
    /// <exception cref="TokenizerException">A file is malformed, or of a kind that is not supported.</exception>
    public static TokenizerFile Read(string folder, string path)
    {
        var settings = SentencePieceSettings.Read(folder);
        var kind = SentencePieceClass.Of(path, settings);
        var model = SentencePieceModel.Read(path);
        if (kind.IsUnigram is { } wanted && wanted != model.IsUnigram)
        {
            var problem = $"the model is {Name(model.IsUnigram)}, but the folder's tokenizer class has {Name(wanted)}";
            throw new TokenizerException(path, "trainer_spec.model_type", problem);
        }

        kind.AddDefaults(model, settings);
        using var document = JsonDocument.Parse(Write(kind, model, settings));
        var roles = settings.Roles.ToDictionary(role => role.Role, role => role.Token.Content, StringComparer.Ordinal);
        return TokenizerFile.Read(new JsonPart(path, document.RootElement)) with { Roles = roles };

        static string Name(bool unigram) => unigram ? "Unigram" : "BPE";
    }

    private static ReadOnlyMemory<byte> Write(SentencePieceClass kind, SentencePieceModel model, SentencePieceSettings settings)
    {
        var vocabulary = kind.Vocabulary(model, settings);
        var ids = new Dictionary<string, int>(vocabulary.Count, StringComparer.Ordinal);
        for (var id = 0; id < vocabulary.Count; id++)
        {
            var text = vocabulary[id].Text;
            if (ids.TryAdd(text, id)) continue;
            throw new TokenizerException(model.Path, $"pieces[{id}]", $"the piece \"{text}\" is there twice, first as {ids[text]}");
        }

        var added = Added(kind, model, settings, ids);
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            WriteAdded(json, added);
            WritePart(json, "normalizer", kind.Normalizer(model, settings));
            WritePart(json, "pre_tokenizer", kind.PreTokenizer(model, settings));
            WritePart(json, "post_processor", Surround(kind.Surroundings(settings), settings, added));
            WritePart(json, "decoder", kind.Decoder(model, settings));
            WriteModel(json, kind, model, settings, vocabulary);
            json.WriteEndObject();
        }

        return buffer.WrittenMemory;
    }

    // In Transformers' order, which numbers those that the vocabulary lacks: what the folder lists, tokens with a role, the model's own.
    private static List<AddedToken> Added(
        SentencePieceClass kind, SentencePieceModel model, SentencePieceSettings settings, Dictionary<string, int> ids)
    {
        var named = settings.Roles.Select(role => role.Token.Content).ToHashSet(StringComparer.Ordinal);
        var all = new List<AddedToken>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var next = ids.Count;
        var normalized = kind.AddedAreNormalized(model);
        foreach (var token in settings.Added.Values) Add(token with { Normalized = normalized ?? token.Normalized });
        foreach (var (_, token) in settings.Roles) Add(token);
        foreach (var piece in kind.AddedPieces(model)) Add(AddedToken.Plain(piece.Text, piece.Type == SentencePiecePiece.Control));

        return all;

        void Add(AddedToken token)
        {
            if (!seen.Add(token.Content)) return;
            var id = ids.TryGetValue(token.Content, out var own) ? own : next++;
            if (token.Id >= 0 && token.Id != id)
            {
                var problem = $"the folder's files give it the id {token.Id}, but Transformers numbers it {id}";
                throw new TokenizerException(model.Path, $"added token \"{token.Content}\"", problem);
            }

            all.Add(token with { Id = id, Special = token.Special || named.Contains(token.Content) });
        }
    }

    private static JsonObject? Surround((string? Before, string? After) roles, SentencePieceSettings settings, List<AddedToken> added)
    {
        var tokens = new JsonObject();
        var single = new JsonArray();
        Place(roles.Before);
        single.Add(new JsonObject { ["Sequence"] = new JsonObject { ["id"] = "A", ["type_id"] = 0 } });
        Place(roles.After);
        if (tokens.Count == 0) return null;
        return new JsonObject { ["type"] = "TemplateProcessing", ["single"] = single, ["special_tokens"] = tokens };

        void Place(string? role)
        {
            if (role is null || settings.Role(role) is not { } token) return;
            single.Add(new JsonObject { ["SpecialToken"] = new JsonObject { ["id"] = token, ["type_id"] = 0 } });
            tokens[token] = new JsonObject { ["ids"] = new JsonArray(added.First(entry => entry.Content == token).Id) };
        }
    }

    private static void WriteAdded(Utf8JsonWriter json, List<AddedToken> added)
    {
        json.WriteStartArray("added_tokens");
        foreach (var token in added)
        {
            json.WriteStartObject();
            json.WriteNumber("id", token.Id);
            json.WriteString("content", token.Content);
            json.WriteBoolean("single_word", token.SingleWord);
            json.WriteBoolean("lstrip", token.StripsLeft);
            json.WriteBoolean("rstrip", token.StripsRight);
            json.WriteBoolean("normalized", token.Normalized);
            json.WriteBoolean("special", token.Special);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WritePart(Utf8JsonWriter json, string name, JsonNode? part)
    {
        json.WritePropertyName(name);
        if (part is null) json.WriteNullValue();
        else part.WriteTo(json);
    }

    private static void WriteModel(
        Utf8JsonWriter json,
        SentencePieceClass kind,
        SentencePieceModel model,
        SentencePieceSettings settings,
        IReadOnlyList<ScoredToken> vocabulary)
    {
        json.WriteStartObject("model");
        foreach (var (name, value) in kind.Model(model, settings, vocabulary)) WritePart(json, name, value);
        if (model.IsUnigram)
        {
            json.WriteStartArray("vocab");
            foreach (var (text, score) in vocabulary)
            {
                json.WriteStartArray();
                json.WriteStringValue(text);
                json.WriteNumberValue((double)score);
                json.WriteEndArray();
            }

            json.WriteEndArray();
        }
        else
        {
            json.WriteStartObject("vocab");
            for (var id = 0; id < vocabulary.Count; id++) json.WriteNumber(vocabulary[id].Text, id);
            json.WriteEndObject();
            json.WriteStartArray("merges");
            foreach (var (left, right) in kind.Merges(model, vocabulary))
            {
                json.WriteStartArray();
                json.WriteStringValue(left);
                json.WriteStringValue(right);
                json.WriteEndArray();
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }
}
