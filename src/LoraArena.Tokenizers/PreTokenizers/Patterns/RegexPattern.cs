using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using LoraArena.Tokenizers.Files;
using LoraArena.Tokenizers.Unicode;

namespace LoraArena.Tokenizers.PreTokenizers.Patterns;

/// <summary>
/// A regular expression that no scanner knows, run by .NET's engine. That engine sees UTF-16 units, so characters outside the 16-bit plane are shown to it as
/// one character of the same category inside it. What .NET would read differently from Oniguruma is rewritten or refused.
/// </summary>
internal sealed class RegexPattern : TextPattern
{
    private const RegexOptions Options = RegexOptions.CultureInvariant | RegexOptions.Multiline;

    // A search may take this long for every MiB of text begun: the clock on the wall counts, and a busy machine lets threads wait for seconds.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    // Surrogates, and characters that .NET's Unicode counts among another category than Oniguruma's.
    private static readonly SearchValues<char> Replaced = SearchValues.Create([.. Enumerable.Range(0, char.MaxValue + 1).Select(c => (char)c)
        .Where(c => char.IsSurrogate(c) || char.GetUnicodeCategory(c) != Characters.CategoryOf(c))]);

    private readonly JsonPart _part;
    private readonly string _source;
    private readonly Regex? _linear;
    private readonly ConcurrentDictionary<int, Regex> _backtracking = new();

    /// <summary>Takes in an expression.</summary>
    /// <exception cref="TokenizerException">It is not valid, or cannot be read as Oniguruma reads it.</exception>
    public RegexPattern(JsonPart part)
    {
        _part = part;
        _source = OnigurumaSyntax.Translate(part);
        try
        {
            _ = Backtracking(1);
        }
        catch (ArgumentException error)
        {
            throw part.Problem($"the regular expression cannot be used: {error.Message}");
        }

        try
        {
            _linear = new Regex(_source, Options | RegexOptions.NonBacktracking);
        }
        catch (NotSupportedException)
        {
            // Look-around and the like need the engine that backtracks, with a time limit.
        }
    }

    /// <inheritdoc/>
    public override void FindMatches(ReadOnlySpan<char> text, List<TextSpan> matches)
    {
        var megabytes = 1 + (text.Length >> 19);
        var regex = _linear ?? Backtracking(megabytes);
        var (shadow, indices) = Shadow(text);
        var began = Stopwatch.GetTimestamp();
        var lastEnd = -1;
        try
        {
            foreach (var match in regex.EnumerateMatches(shadow))
            {
                // The limit of the engine is for one match. An empty match next to another does not count, as in Oniguruma's binding.
                if (_linear is null && Stopwatch.GetElapsedTime(began) > Patience * megabytes) throw new RegexMatchTimeoutException();
                if (match.Length == 0 && match.Index == lastEnd) continue;
                lastEnd = match.Index + match.Length;
                var (start, end) = indices is null ? (match.Index, lastEnd) : (indices[match.Index], indices[lastEnd]);
                matches.Add(new TextSpan(start, end - start));
            }
        }
        catch (RegexMatchTimeoutException)
        {
            throw _part.Problem(string.Create(
                CultureInfo.InvariantCulture,
                $"the regular expression needs more than {Patience.TotalSeconds * megabytes} s on a text of {text.Length} characters"));
        }
    }

    private Regex Backtracking(int megabytes) => _backtracking.GetOrAdd(megabytes, static (key, source) => new Regex(source, Options, Patience * key), _source);

    /// <summary>The text with one UTF-16 unit a code point, and where each unit stands in the text; no indices where they are the same.</summary>
    private static (string Shadow, int[]? Indices) Shadow(ReadOnlySpan<char> text)
    {
        if (text.IndexOfAny(Replaced) < 0) return (text.ToString(), null);
        var shadow = new StringBuilder(text.Length);
        var indices = new int[text.Length + 1];
        for (int i = 0, units; i < text.Length; i += units)
        {
            var codePoint = Characters.At(text, i, out units);
            indices[shadow.Length] = i;
            shadow.Append(units == 1 && !Replaced.Contains((char)codePoint) ? (char)codePoint : StandIn(codePoint));
        }

        indices[shadow.Length] = text.Length;
        return (shadow.ToString(), indices);
    }

    // Characters that no expression names.
    private static char StandIn(int codePoint) => Characters.CategoryOf(codePoint) switch
    {
        UnicodeCategory.UppercaseLetter => '\u10A0',
        UnicodeCategory.LowercaseLetter => '\u1D00',
        UnicodeCategory.TitlecaseLetter => '\u1F88',
        UnicodeCategory.ModifierLetter => '\u10FC',
        UnicodeCategory.OtherLetter => '\u1200',
        UnicodeCategory.NonSpacingMark => '\u135D',
        UnicodeCategory.SpacingCombiningMark => '\u1B04',
        UnicodeCategory.EnclosingMark => '\u20DD',
        UnicodeCategory.DecimalDigitNumber => '\u1946',
        UnicodeCategory.LetterNumber => '\u16EE',
        UnicodeCategory.OtherNumber => '\u1369',
        UnicodeCategory.ConnectorPunctuation => '\u203F',
        UnicodeCategory.DashPunctuation => '\u1400',
        UnicodeCategory.OtherPunctuation => '\u1361',
        UnicodeCategory.MathSymbol => '\u2A00',
        UnicodeCategory.CurrencySymbol => '\u17DB',
        UnicodeCategory.ModifierSymbol => '\u1FBD',
        UnicodeCategory.OtherSymbol when Characters.Is(codePoint, CharacterTraits.OnigurumaWord) => '\u24B6',
        UnicodeCategory.OtherSymbol => '\u1390',
        UnicodeCategory.Format => '\u2061',
        UnicodeCategory.PrivateUse => '\uE000',
        _ => '\u0378',
    };
}
