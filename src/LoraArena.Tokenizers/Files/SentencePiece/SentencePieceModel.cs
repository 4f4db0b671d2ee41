using System.Globalization;
using System.Text;

namespace LoraArena.Tokenizers.Files.SentencePiece;

/// <summary>A piece of a SentencePiece vocabulary; its id is its place.</summary>
internal readonly record struct SentencePiecePiece(string Text, float Score, int Type)
{
    /// <summary>A piece like any other.</summary>
    public const int Normal = 1;

    /// <summary>A token that no text has, such as the beginning of a sequence.</summary>
    public const int Control = 3;

    /// <summary>A token that its trainer asked for.</summary>
    public const int UserDefined = 4;
}

/// <summary>A token with its score.</summary>
internal readonly record struct ScoredToken(string Text, float Score);

/// <summary>What a SentencePiece model file (ModelProto of sentencepiece_model.proto) says about tokenizing.</summary>
internal sealed class SentencePieceModel
{
    private const string NeedsTokenizerJson = "the folder needs the tokenizer.json that Transformers writes";
    private const int UnigramType = 1;
    private const int BytePairType = 2;
    private const int MaxPieces = Models.Vocabulary.MaxTokens;

    private static readonly byte[] LfsPointer = "version https://git-lfs.github.com/spec/"u8.ToArray();

    private readonly List<SentencePiecePiece> _pieces = [];
    private int _type = UnigramType;

    private SentencePieceModel(string path) => Path = path;

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The vocabulary.</summary>
    public IReadOnlyList<SentencePiecePiece> Pieces => _pieces;

    /// <summary>True for a Unigram model, false for BPE.</summary>
    public bool IsUnigram => _type == UnigramType;

    /// <summary>Whether unknown characters become the tokens of their bytes.</summary>
    public bool ByteFallback { get; private set; }

    /// <summary>Id of the unknown token.</summary>
    public int UnknownId { get; private set; }

    /// <summary>The unknown token.</summary>
    public string Unknown { get; private set; } = "<unk>";

    /// <summary>The token for the beginning of a sequence; null where the model has none.</summary>
    public string? Bos { get; private set; }

    /// <summary>The token for the end of a sequence; null where the model has none.</summary>
    public string? Eos { get; private set; }

    /// <summary>The compiled table of replacements; empty for none.</summary>
    public byte[] Charsmap { get; private set; } = [];

    /// <summary>Whether a text gets a space in front.</summary>
    public bool AddsPrefix { get; private set; } = true;

    /// <summary>Whether spaces at the ends go, and of several in a row all but one.</summary>
    public bool RemovesExtraSpaces { get; private set; } = true;

    /// <summary>Whether spaces become ▁.</summary>
    public bool EscapesSpaces { get; private set; } = true;

    /// <summary>Reads a file.</summary>
    /// <exception cref="TokenizerException">It is too large or no such model, or one of a type that is not supported.</exception>
    public static SentencePieceModel Read(string path)
    {
        var length = new FileInfo(path).Length;
        if (length > ModelJsonFile.MaxBytes) throw Refused($"the file has {length} bytes; more than {ModelJsonFile.MaxBytes} are refused");
        var bytes = File.ReadAllBytes(path);
        if (bytes.AsSpan().StartsWith(LfsPointer)) throw Refused(ModelJsonFile.IsLfsPointer);
        if (IsTiktoken(bytes)) throw Refused("the file is tiktoken's list of tokens, not a SentencePiece model; " + NeedsTokenizerJson);

        var model = new SentencePieceModel(path);
        model.Read(new WireReader(path, bytes, 0));
        if (model._pieces.Count == 0) throw Refused("the file is not a SentencePiece model: it has no pieces");
        if (model._type is not (UnigramType or BytePairType))
        {
            var wanted = $"wanted {UnigramType} (Unigram) or {BytePairType} (BPE): others have no counterpart in Hugging Face's format";
            throw new TokenizerException(path, "trainer_spec.model_type", $"found {model._type}, {wanted}");
        }

        return model;

        TokenizerException Refused(string problem) => new(path, "byte 0", problem);
    }

    private void Read(WireReader file)
    {
        while (file.Next())
        {
            if (file.Field == 1) _pieces.Add(ReadPiece(file.Message()));
            else if (file.Field == 2) ReadTrainer(file.Message());
            else if (file.Field == 3) ReadNormalizer(file.Message());
            else file.Skip();
            if (_pieces.Count > MaxPieces) throw file.Problem($"it has more than {MaxPieces} pieces");
        }
    }

    private static SentencePiecePiece ReadPiece(WireReader message)
    {
        var (text, score, type) = ("", 0f, SentencePiecePiece.Normal);
        while (message.Next())
        {
            if (message.Field == 1) text = message.Text();
            else if (message.Field == 2) score = message.Real();
            else if (message.Field == 3) type = (int)Math.Clamp(message.Number(), -1, 100);
            else message.Skip();
        }

        return new SentencePiecePiece(text, score, type);
    }

    private void ReadTrainer(WireReader message)
    {
        var (bosId, eosId, bos, eos) = (1L, 2L, "<s>", "</s>");
        while (message.Next())
        {
            switch (message.Field)
            {
                case 3:
                    _type = (int)Math.Clamp(message.Number(), -1, 100);
                    break;
                case 35:
                    ByteFallback = message.Flag();
                    break;
                case 40:
                    UnknownId = (int)Math.Clamp(message.Number(), -1, MaxPieces);
                    break;
                case 41:
                    bosId = (int)message.Number();
                    break;
                case 42:
                    eosId = (int)message.Number();
                    break;
                case 45:
                    Unknown = message.Text();
                    break;
                case 46:
                    bos = message.Text();
                    break;
                case 47:
                    eos = message.Text();
                    break;
                default:
                    message.Skip();
                    break;
            }
        }

        (Bos, Eos) = (bosId >= 0 ? bos : null, eosId >= 0 ? eos : null);
    }

    private void ReadNormalizer(WireReader message)
    {
        while (message.Next())
        {
            if (message.Field == 2) Charsmap = message.Bytes().ToArray();
            else if (message.Field == 3) AddsPrefix = message.Flag();
            else if (message.Field == 4) RemovesExtraSpaces = message.Flag();
            else if (message.Field == 5) EscapesSpaces = message.Flag();
            else message.Skip();
        }
    }

    // Lines of a token in base64, a space and its rank. A SentencePiece model begins with a byte below the letters.
    private static bool IsTiktoken(ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOf((byte)'\n');
        var line = end is > 0 and < 1000 ? Encoding.Latin1.GetString(bytes[..end]).TrimEnd('\r').Split(' ') : [];
        var ranked = line.Length == 2 && int.TryParse(line[1], NumberStyles.None, CultureInfo.InvariantCulture, out _);
        return ranked && Convert.TryFromBase64String(line[0], new byte[1000], out _);
    }
}
