using System.Buffers;
using System.Text;
using LoraArena.Tokenizers.Files;
using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers.Models;

/// <summary>
/// Byte-pair encoding (Sennrich et al. 2016): a word begins as its characters, or its bytes, and the pair whose merge has the lowest rank is merged, of equal
/// ones the leftmost, until none is left. With byte fallback a character that the vocabulary lacks begins as the tokens of its bytes, <c>&lt;0xE2&gt;</c>.
/// </summary>
internal sealed class BytePairModel : WordModel
{
    private const int NotKnown = -1;

    [ThreadStatic]
    private static MergingWord? _symbols;

    private readonly MergeTable _merges;
    private readonly bool _onBytes;
    private readonly bool _ignoreMerges;
    private readonly bool _fuseUnknown;
    private readonly string _prefix;
    private readonly string _suffix;
    private readonly int? _unknown;
    private readonly ByteTokens? _fallback;

    // Ids of the bytes' characters where words begin as bytes, else of the characters of the 16-bit plane.
    private readonly int[] _single;

    private BytePairModel(JsonPart part, Vocabulary vocabulary, bool onBytes) : base(vocabulary)
    {
        _onBytes = onBytes;
        _prefix = part.Find("continuing_subword_prefix")?.Text() ?? "";
        _suffix = part.Find("end_of_word_suffix")?.Text() ?? "";
        _fuseUnknown = part.Find("fuse_unk")?.Flag() ?? false;
        _ignoreMerges = part.Find("ignore_merges")?.Flag() ?? false;
        if (part.Find("byte_fallback")?.Flag() is true) _fallback = new ByteTokens(vocabulary);
        if (part.Find("unk_token") is { } unknown)
        {
            _unknown = vocabulary.IdOf(unknown.Text()) ?? throw unknown.Problem($"the unknown token \"{unknown.Text()}\" is not in the vocabulary");
        }

        _merges = MergeTable.Read(part["merges"], vocabulary, _prefix);
        _single = onBytes
            ? [.. Enumerable.Range(0, 256).Select(b => vocabulary.IdOf([ByteAlphabet.CharOf((byte)b)]) ?? NotKnown)]
            : SingleCharacters(vocabulary);
        var whole = onBytes || _ignoreMerges || _prefix.Length > 0 || _suffix.Length > 0;
        Boundaries = whole ? null : MergeBoundaries.Find(part["merges"], vocabulary, _unknown is { } id ? vocabulary.TokenOf(id) : null);
    }

    /// <inheritdoc/>
    public override int? UnknownId => _unknown;

    /// <inheritdoc/>
    public override MergeBoundaries? Boundaries { get; }

    /// <summary>Reads the model's part of a tokenizer.json.</summary>
    /// <param name="part">The part.</param>
    /// <param name="onBytes">True where the file's pre-tokenizer is ByteLevel: words begin as bytes.</param>
    public static BytePairModel Read(JsonPart part, bool onBytes)
    {
        if (part.Find("dropout") is { } dropout && dropout.Element.GetRawText() is not ("0" or "0.0"))
        {
            throw dropout.Problem("dropout makes tokens random: set it to null");
        }

        return new BytePairModel(part, Vocabulary.Read(part["vocab"]), onBytes);
    }

    /// <inheritdoc/>
    protected override EncodedWord Encode(ReadOnlySpan<char> word, string key)
    {
        if (_ignoreMerges && IdOfWhole(word) is { } whole) return new EncodedWord(key, [whole], [0], [Encoding.UTF8.GetByteCount(word)]);
        var symbols = _symbols ??= new MergingWord();
        symbols.Start(Encoding.UTF8.GetByteCount(word));
        if (_onBytes) AddBytes(word, symbols);
        else AddCharacters(word, symbols);
        symbols.FlushUnknown();
        symbols.MergeAll(_merges);
        return symbols.ToEncoded(key);
    }

    private static int[] SingleCharacters(Vocabulary vocabulary)
    {
        var single = new int[char.MaxValue + 1];
        Array.Fill(single, NotKnown);
        foreach (var (token, id) in vocabulary.Entries)
        {
            if (token.Length == 1) single[token[0]] = id;
        }

        return single;
    }

    private int? IdOfWhole(ReadOnlySpan<char> word)
    {
        if (!_onBytes) return Vocabulary.IdOf(word);
        var bytes = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetByteCount(word));
        var chars = ArrayPool<char>.Shared.Rent(bytes.Length);
        var length = Encoding.UTF8.GetBytes(word, bytes);
        for (var i = 0; i < length; i++) chars[i] = ByteAlphabet.CharOf(bytes[i]);
        var id = Vocabulary.IdOf(chars.AsSpan(0, length));
        ArrayPool<byte>.Shared.Return(bytes);
        ArrayPool<char>.Shared.Return(chars);
        return id;
    }

    private void AddBytes(ReadOnlySpan<char> word, MergingWord symbols)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetByteCount(word));
        var length = Encoding.UTF8.GetBytes(word, buffer);
        Span<char> one = stackalloc char[1];
        for (var i = 0; i < length; i++)
        {
            one[0] = ByteAlphabet.CharOf(buffer[i]);
            AddSymbol(one, _single[buffer[i]], i, i + 1, length, symbols);
        }

        ArrayPool<byte>.Shared.Return(buffer);
    }

    private void AddCharacters(ReadOnlySpan<char> word, MergingWord symbols)
    {
        var bytes = Encoding.UTF8.GetByteCount(word);
        var at = 0;
        for (int i = 0, units; i < word.Length; i += units)
        {
            var codePoint = Characters.At(word, i, out units);
            var end = at + Utf8Places.BytesOf(codePoint);
            var character = word.Slice(i, units);
            AddSymbol(character, units == 1 ? _single[codePoint] : Vocabulary.IdOf(character) ?? NotKnown, at, end, bytes, symbols);
            at = end;
        }
    }

    private void AddSymbol(ReadOnlySpan<char> symbol, int id, int start, int end, int length, MergingWord symbols)
    {
        var (first, last) = (start == 0, end == length);
        var decorated = (!first && _prefix.Length > 0) || (last && _suffix.Length > 0);
        if (decorated)
        {
            var text = $"{(first ? "" : _prefix)}{symbol}{(last ? _suffix : "")}";
            id = Vocabulary.IdOf(text) ?? NotKnown;
            if (id == NotKnown && _fallback?.TryAdd(text, start, end, symbols) is true) return;
        }
        else if (id == NotKnown && _fallback?.TryAdd(symbol, start, end, symbols) is true)
        {
            return;
        }

        if (id != NotKnown) symbols.Add(id, start, end);
        else if (_unknown is { } unknown) symbols.AddUnknown(unknown, start, end, _fuseUnknown);
    }
}
