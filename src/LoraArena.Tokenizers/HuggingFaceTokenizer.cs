using System.Buffers;
using LoraArena.Tokenizers.AddedTokens;
using LoraArena.Tokenizers.Files;
using LoraArena.Tokenizers.Models;
using LoraArena.Tokenizers.PreTokenizers;
using LoraArena.Tokenizers.Unicode;
using Microsoft.ML.Tokenizers;

namespace LoraArena.Tokenizers;

/// <summary>
/// The tokenizer of a Hugging Face model folder as a <see cref="Tokenizer"/> of Microsoft.ML.Tokenizers. A text goes through added tokens, normalizer,
/// pre-tokenizer and model, and its ids are those of Hugging Face tokenizers.
/// </summary>
/// <remarks>
/// <para>Offsets and indices are those of the text that was given, in UTF-16 units, whatever the normalizer did to it: so every <c>normalizedText</c> that the
/// members of the base class hand out is null.</para>
/// <para>The members of the base class put no tokens round a text; <see cref="EncodeWithSpecials"/> does. An unpaired surrogate counts as U+FFFD.</para>
/// <para>Nothing in it changes after it is loaded but a cache that needs no lock: any number of threads may use one.</para>
/// </remarks>
public sealed class HuggingFaceTokenizer : Tokenizer
{
    [ThreadStatic]
    private static Workspace? _workspace;

    private readonly TokenizerFile _file;

    private HuggingFaceTokenizer(TokenizerFile file, SpecialTokens specialTokens) => (_file, SpecialTokens) = (file, specialTokens);

    /// <summary>One more than the highest id: the rows that an embedding needs at least.</summary>
    public int VocabularySize => _file.Added.Size;

    /// <summary>The tokens with a role.</summary>
    public SpecialTokens SpecialTokens { get; }

    /// <summary>The file's normalizer; null where it has none.</summary>
    public override Normalizer? Normalizer => _file.Normalizer;

    /// <summary>The file's pre-tokenizer; null where it has none.</summary>
    public override PreTokenizer? PreTokenizer => _file.Splitter;

    /// <summary>
    /// Reads tokenizer.json of a model folder, or where it has none its SentencePiece model or vocab.txt; and tokenizer_config.json,
    /// special_tokens_map.json and
    /// config.json where they are.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="TokenizerException">A file is missing or malformed, or uses something that is not supported.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static HuggingFaceTokenizer Load(string folder)
    {
        var file = TokenizerFile.Read(folder);
        var roles = file.Roles is { } given ? SpecialTokensFile.Resolve(given, file.IdOf) : SpecialTokensFile.Read(folder, file.IdOf);
        return new HuggingFaceTokenizer(file, roles with { Unk = roles.Unk ?? file.Model.UnknownId });
    }

    /// <summary>Id of a token in the vocabulary's own alphabet (<c>##ing</c>, <c>Ġthe</c>); null where it is not known.</summary>
    public int? IdOf(string token) => _file.IdOf(token);

    /// <summary>The token of an id, in the vocabulary's own alphabet; null for an id that no token has.</summary>
    public string? TokenOf(int id) => _file.TokenOf(id);

    /// <summary>The ids of a text with the tokens that the file puts round a single sequence.</summary>
    /// <exception cref="TokenizerException">A regular expression of the file needs too long on this text.</exception>
    public IReadOnlyList<int> EncodeWithSpecials(string text) => _file.PostProcessor.Surround(EncodeToIds(text));

    /// <summary>The text of tokens, special ones included.</summary>
    /// <exception cref="InvalidOperationException">No token has one of the ids.</exception>
    public override string Decode(IEnumerable<int> ids) => Decode(ids, skipSpecialTokens: false);

    /// <summary>The text of tokens.</summary>
    /// <param name="ids">The ids.</param>
    /// <param name="skipSpecialTokens">Leave special tokens out.</param>
    /// <exception cref="InvalidOperationException">No token has one of the ids.</exception>
    public string Decode(IEnumerable<int> ids, bool skipSpecialTokens)
    {
        ArgumentNullException.ThrowIfNull(ids);
        return TryDecode(ids, skipSpecialTokens, out var unknown) ?? throw new InvalidOperationException($"No token has the id {unknown}.");
    }

    /// <summary>Writes the text of tokens, special ones included; all of it or, where it does not fit, nothing.</summary>
    public override OperationStatus Decode(IEnumerable<int> ids, Span<char> destination, out int idsConsumed, out int charsWritten)
    {
        ArgumentNullException.ThrowIfNull(ids);
        (idsConsumed, charsWritten) = (0, 0);
        var list = ids as IReadOnlyCollection<int> ?? [.. ids];
        if (TryDecode(list, skipSpecialTokens: false, out _) is not { } text) return OperationStatus.InvalidData;
        if (!text.TryCopyTo(destination)) return OperationStatus.DestinationTooSmall;
        (idsConsumed, charsWritten) = (list.Count, text.Length);
        return OperationStatus.Done;
    }

    /// <inheritdoc/>
    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        var chars = text ?? textSpan;
        var sink = Run(chars, settings, tracks: true);
        var count = WholeCharacters(sink, settings.MaxTokenCount);
        var tokens = new EncodedToken[count];
        for (var i = 0; i < count; i++)
        {
            var (start, end) = sink.PlaceOf(i);
            tokens[i] = new EncodedToken(sink.Ids[i], TokenOf(sink.Ids[i])!, start..end);
        }

        return new EncodeResults<EncodedToken> { Tokens = tokens, CharsConsumed = Consumed(sink, count, chars.Length) };
    }

    /// <inheritdoc/>
    protected override EncodeResults<int> EncodeToIds(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        // Where a text may be cut, the places are needed to cut it at the end of a character.
        var chars = text ?? textSpan;
        var sink = Run(chars, settings, tracks: settings.MaxTokenCount != int.MaxValue);
        var count = WholeCharacters(sink, settings.MaxTokenCount);
        return new EncodeResults<int> { Tokens = sink.Ids[..count].ToArray(), CharsConsumed = Consumed(sink, count, chars.Length) };
    }

    /// <inheritdoc/>
    protected override int CountTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
        => WholeCharacters(Run(text ?? textSpan, settings, tracks: settings.MaxTokenCount != int.MaxValue), settings.MaxTokenCount);

    /// <inheritdoc/>
    protected override int GetIndexByTokenCount(
        string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings, bool fromEnd, out string? normalizedText, out int tokenCount)
    {
        normalizedText = null;
        var chars = text ?? textSpan;
        var max = settings.MaxTokenCount;
        RefuseNoTokens(max);
        if (fromEnd) settings.MaxTokenCount = int.MaxValue;
        var sink = Run(chars, settings, tracks: true);
        if (!fromEnd)
        {
            tokenCount = WholeCharacters(sink, max);
            return Consumed(sink, tokenCount, chars.Length);
        }

        var first = Math.Max(0, sink.Count - max);
        while (first > 0 && first < sink.Count && SharesCharacter(sink, first)) first++;
        tokenCount = sink.Count - first;
        return first == 0 ? 0 : first < sink.Count ? sink.PlaceOf(first).Start : chars.Length;
    }

    private TokenSink Run(ReadOnlySpan<char> text, EncodeSettings settings, bool tracks)
    {
        RefuseNoTokens(settings.MaxTokenCount);
        var workspace = _workspace ??= new Workspace();
        workspace.Sink.Start(tracks);
        var whole = WellFormed.Repair(text, ref workspace.Repaired);
        workspace.Sections.Clear();
        if (_file.Added.Raw is { } finder) finder.Cut(whole, workspace.Sections);
        else if (whole.Length > 0) workspace.Sections.Add(new Piece(0, whole.Length, Piece.NoToken));

        foreach (var section in workspace.Sections)
        {
            // One token more than allowed shows that the text goes on.
            if (workspace.Sink.Count > settings.MaxTokenCount) break;
            var chars = whole.Slice(section.Start, section.Length);
            if (section.TokenId == Piece.NoToken) EncodeSection(chars, section.Start, whole, settings, workspace, tracks);
            else if (tracks) Add(section.TokenId, chars, section.Start, section.End, whole, workspace.Sink);
            else workspace.Sink.Add([section.TokenId]);
        }

        return workspace.Sink;
    }

    private void EncodeSection(ReadOnlySpan<char> section, int origin, ReadOnlySpan<char> whole, EncodeSettings settings, Workspace workspace, bool tracks)
    {
        var (pieced, sink) = (workspace.Pieced, workspace.Sink);
        pieced.Text.Load(section, origin, tracks || _file.Splitter is { NeedsPlaces: true });
        if (settings.ConsiderNormalization) _file.Normalizer?.Apply(pieced.Text);
        pieced.StartWhole();
        if (_file.Added.Normalized is { } finder)
        {
            pieced.Pieces.Clear();
            finder.Cut(pieced.Text.Chars, pieced.Pieces);
        }

        if (settings.ConsiderPreTokenization) _file.Splitter?.Split(pieced);
        if (_file.Model.Boundaries is { } boundaries) pieced.CutBefore(boundaries);
        foreach (var piece in pieced.Pieces)
        {
            if (sink.Count > settings.MaxTokenCount) return;
            var chars = pieced.CharsOf(piece);
            if (piece.TokenId == Piece.NoToken)
            {
                var word = _file.Model.Encode(chars);
                if (tracks) AddWithPlaces(word, chars, piece, pieced.Text, whole, sink);
                else sink.Add(word.Ids);
            }
            else if (tracks)
            {
                Add(piece.TokenId, chars, pieced.Text.StartOf(piece.Start), pieced.Text.EndOf(piece.End - 1), whole, sink);
            }
            else
            {
                sink.Add([piece.TokenId]);
            }
        }
    }

    private void AddWithPlaces(EncodedWord word, ReadOnlySpan<char> chars, Piece piece, AlignedText text, ReadOnlySpan<char> whole, TokenSink sink)
    {
        var places = new Utf8Places(chars);
        var (start, end) = (0, 0);
        for (var i = 0; i < word.Ids.Length; i++)
        {
            // The bytes of unknown characters all lie where the characters do.
            if (i == 0 || (word.Starts[i], word.Ends[i]) != (word.Starts[i - 1], word.Ends[i - 1]))
            {
                start = text.StartOf(piece.Start + places.CharAt(word.Starts[i]));
                end = text.EndOf(piece.Start + places.CharAt(word.Ends[i] - 1));
            }

            Add(word.Ids[i], TokenOf(word.Ids[i]), start, end, whole, sink);
        }
    }

    private void Add(int id, ReadOnlySpan<char> token, int start, int end, ReadOnlySpan<char> whole, TokenSink sink)
    {
        _file.PostProcessor.Trim(sink.Count, token, whole, ref start, ref end);
        sink.Add(id, start, end);
    }

    private static void RefuseNoTokens(int maxTokenCount) => ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxTokenCount);

    /// <summary>Most tokens within the limit that do not end inside a character, whose other tokens would be lost.</summary>
    private static int WholeCharacters(TokenSink sink, int max)
    {
        if (sink.Count <= max) return sink.Count;
        var count = max;
        while (count > 0 && SharesCharacter(sink, count)) count--;
        return count;
    }

    /// <summary>True where the token at an index begins inside the character in which the one before it ends.</summary>
    private static bool SharesCharacter(TokenSink sink, int index) => sink.PlaceOf(index).Start < sink.PlaceOf(index - 1).End;

    private static int Consumed(TokenSink sink, int count, int length) => count == sink.Count ? length : count == 0 ? 0 : sink.PlaceOf(count - 1).End;

    private string? TryDecode(IEnumerable<int> ids, bool skipSpecialTokens, out int unknown)
    {
        var tokens = new List<string>();
        foreach (var id in ids)
        {
            unknown = id;
            var added = _file.Added.TokenOf(id);
            if (skipSpecialTokens && added is { Special: true }) continue;
            if ((_file.Added.FormOf(id) ?? _file.Model.Vocabulary.TokenOf(id)) is not { } token) return null;
            tokens.Add(token);
        }

        unknown = -1;
        return _file.Decoder.Decode(tokens);
    }

    /// <summary>What a thread needs to encode a text, kept for the next.</summary>
    private sealed class Workspace
    {
        public readonly TokenSink Sink = new();
        public readonly PiecedText Pieced = new();
        public readonly List<Piece> Sections = [];
        public char[] Repaired = [];
    }
}
