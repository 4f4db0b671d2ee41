using System.Buffers;
using System.Globalization;
using System.Text;
using static System.FormattableString;

namespace LoraArena.Core.Battles;

/// <summary>
/// The turns of a conversation as one cell holds them: a JSON array of strings and nulls, as <c>json.dumps</c> writes it.
/// Strings are kept as UTF-16 units, so escaped surrogates without a partner, which the real files have, survive the way in and out.
/// </summary>
public static class Turns
{
    /// <summary>Turns that one conversation may have.</summary>
    public const int Max = 256;

    /// <summary>Reads a cell.</summary>
    /// <param name="cell">The cell.</param>
    /// <param name="max">Turns that it may have.</param>
    /// <exception cref="TurnsFormatException">The cell is not such an array; the message says what stands where.</exception>
    public static IReadOnlyList<string?> Parse(string cell, int max = Max) => new Parser(cell, max).Read();

    /// <summary>Reads a cell that holds one JSON text in place of a list; null for any other cell.</summary>
    public static string? ParseText(string cell)
    {
        if (cell.AsSpan().Trim() is not ['"', ..]) return null;
        try
        {
            return new Parser($"[{cell}]", 1).Read() is [{ } text] ? text : null;
        }
        catch (TurnsFormatException)
        {
            return null;
        }
    }

    /// <summary>Writes a cell in ASCII: no white space, everything else escaped as \uXXXX.</summary>
    public static string Write(IReadOnlyList<string?> turns)
    {
        var cell = new StringBuilder("[");
        for (var i = 0; i < turns.Count; i++)
        {
            if (i > 0) cell.Append(',');
            if (turns[i] is { } turn) WriteString(cell, turn);
            else cell.Append("null");
        }

        return cell.Append(']').ToString();
    }

    private static void WriteString(StringBuilder cell, string text)
    {
        cell.Append('"');
        foreach (var c in text)
        {
            switch (c)
            {
                case '"': cell.Append("\\\""); break;
                case '\\': cell.Append("\\\\"); break;
                case '\b': cell.Append("\\b"); break;
                case '\f': cell.Append("\\f"); break;
                case '\n': cell.Append("\\n"); break;
                case '\r': cell.Append("\\r"); break;
                case '\t': cell.Append("\\t"); break;
                case >= ' ' and <= '~': cell.Append(c); break;
                default: cell.Append("\\u").Append(((int)c).ToString("x4", CultureInfo.InvariantCulture)); break;
            }
        }

        cell.Append('"');
    }

    private ref struct Parser(string cell, int max)
    {
        private int _at;

        public List<string?> Read()
        {
            SkipSpace();
            if (!Take('[')) throw Wrong("'[', the start of a list of turns");
            var turns = new List<string?>(1);
            SkipSpace();
            if (!Take(']'))
            {
                do
                {
                    if (turns.Count == max) throw new TurnsFormatException(_at, Invariant($"has more than {max} turns"));
                    SkipSpace();
                    turns.Add(ReadTurn());
                    SkipSpace();
                }
                while (Take(','));
                if (!Take(']')) throw Wrong("',' or ']'");
            }

            SkipSpace();
            if (_at < cell.Length) throw Wrong("nothing after the closing ']'");
            return turns;
        }

        private string? ReadTurn()
        {
            if (Take('"')) return ReadString();
            if (string.CompareOrdinal(cell, _at, "null", 0, 4) != 0) throw Wrong("a text in double quotes or null");
            _at += 4;
            return null;
        }

        private string ReadString()
        {
            // No text is longer than what is left of its cell.
            var text = ArrayPool<char>.Shared.Rent(cell.Length - _at);
            try
            {
                return ReadString(text);
            }
            finally
            {
                ArrayPool<char>.Shared.Return(text);
            }
        }

        private string ReadString(Span<char> text)
        {
            var length = 0;
            while (true)
            {
                var run = cell.AsSpan(_at).IndexOfAny('"', '\\');
                var plain = run < 0 ? cell.AsSpan(_at) : cell.AsSpan(_at, run);
                var control = plain.IndexOfAnyInRange('\0', '\u001f');
                if (control >= 0)
                {
                    _at += control;
                    throw Wrong("an escape such as \\n instead of a bare control character");
                }

                plain.CopyTo(text[length..]);
                (_at, length) = (_at + plain.Length, length + plain.Length);
                if (run < 0) throw Wrong("the closing '\"' of the text");
                if (cell[_at++] == '"') return new string(text[..length]);
                text[length++] = ReadEscape();
            }
        }

        private char ReadEscape()
        {
            if (_at == cell.Length) throw Wrong("a character after '\\'");
            switch (cell[_at])
            {
                case '"' or '\\' or '/': return cell[_at++];
                case 'b': _at++; return '\b';
                case 'f': _at++; return '\f';
                case 'n': _at++; return '\n';
                case 'r': _at++; return '\r';
                case 't': _at++; return '\t';
                case 'u' when _at + 5 <= cell.Length
                    && ushort.TryParse(cell.AsSpan(_at + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var unit):
                    _at += 5;
                    return (char)unit;
                case 'u': _at++; throw Wrong("four hexadecimal digits after '\\u'");
                default: throw Wrong("one of \" \\ / b f n r t u after '\\'");
            }
        }

        private void SkipSpace()
        {
            while (_at < cell.Length && cell[_at] is ' ' or '\t' or '\n' or '\r') _at++;
        }

        private bool Take(char c)
        {
            if (_at == cell.Length || cell[_at] != c) return false;
            _at++;
            return true;
        }

        private readonly TurnsFormatException Wrong(string wanted)
        {
            var found = _at >= cell.Length ? "the cell ends"
                : char.IsControl(cell[_at]) || char.IsSurrogate(cell[_at]) ? $"U+{(int)cell[_at]:X4} stands"
                : $"'{cell[_at]}' stands";
            return new TurnsFormatException(_at, $"{found} where {wanted} was expected");
        }
    }
}

/// <summary>A cell is not a list of turns.</summary>
/// <param name="position">Characters before the place, from 0.</param>
/// <param name="reason">What is wrong there.</param>
public sealed class TurnsFormatException(int position, string reason)
    : FormatException(Invariant($"not a list of turns: at character {position + 1} {reason}"))
{
    /// <summary>Characters of the cell before the place, from 0.</summary>
    public int Position { get; } = position;
}
