using System.Text.Json;
using CsCheck;
using LoraArena.Core.Battles;

namespace LoraArena.Core.Tests.Battles;

public sealed class TurnsTests
{
    [Theory]
    [InlineData("""["a"]""", new[] { "a" })]
    [InlineData("""["a","b",null,""]""", new[] { "a", "b", null, "" })]
    [InlineData(" [ \"a\" ,\tnull\r\n] ", new[] { "a", null })]
    [InlineData("[]", new string?[0])]
    [InlineData("""["\u00e9\ud83d\ude00é😀"]""", new[] { "é😀é😀" })]
    [InlineData("""["\/ / \" \\ \b\f\n\r\t"]""", new[] { "/ / \" \\ \b\f\n\r\t" })]
    [InlineData("""["[null]","null"]""", new[] { "[null]", "null" })]
    public void Parse_ReadsWhatTheRealFilesHold(string cell, string?[] turns) => Assert.Equal(turns, Turns.Parse(cell));

    [Fact]
    public void Parse_KeepsSurrogatesWithoutAPartner()
    {
        foreach (var (cell, turn) in new[] { ("""["x\ud83d"]""", "x\ud83d"), ("""["\ude00\ud83d"]""", "\ude00\ud83d") })
        {
            Assert.Equal([turn], Turns.Parse(cell));
            Assert.Equal(cell, Turns.Write([turn]));
        }
    }

    [Theory]
    [InlineData("", 0, "the cell ends")]
    [InlineData("hello", 0, "'h' stands where '['")]
    [InlineData("[\"a\"", 4, "the cell ends where ',' or ']'")]
    [InlineData("[\"a\",]", 5, "a text in double quotes or null")]
    [InlineData("[1]", 1, "'1' stands")]
    [InlineData("[[\"a\"]]", 1, "'[' stands")]
    [InlineData("[\"a\"] x", 6, "nothing after the closing ']'")]
    [InlineData("[\"abc", 5, "the closing '\"'")]
    [InlineData("[\"a\nb\"]", 3, "U+000A stands where an escape")]
    [InlineData("[\"\\x\"]", 3, "'x' stands where one of")]
    [InlineData("[\"\\u12g4\"]", 4, "four hexadecimal digits")]
    [InlineData("[\"\\u12", 4, "four hexadecimal digits")]
    [InlineData("['a']", 1, "''' stands")]
    [InlineData("[nul]", 1, "'n' stands")]
    public void Parse_SaysWhatStandsWhere(string cell, int position, string reason)
    {
        var error = Assert.Throws<TurnsFormatException>(() => Turns.Parse(cell));
        Assert.Equal(position, error.Position);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_AllowsTheMostTurnsAndNotOneMore()
    {
        Assert.Equal(Turns.Max, Turns.Parse($"[{string.Join(',', Enumerable.Repeat("null", Turns.Max))}]").Count);
        Assert.Throws<TurnsFormatException>(() => Turns.Parse($"[{string.Join(',', Enumerable.Repeat("null", Turns.Max + 1))}]"));
        Assert.Throws<TurnsFormatException>(() => Turns.Parse(new string('[', 10_000)));
    }

    [Fact]
    public void WhatWriteWrites_ReadsBackExactlyAndIsAscii()
    {
        var turn = Gen.OneOf(
            Gen.Const((string?)null), Gen.String.Select(s => (string?)s),
            Gen.String[Gen.Char["\"\\/\n\ud83d\ude00aé"], 0, 6].Select(s => (string?)s));
        turn.Array[0, 6].Sample(
            turns =>
            {
                var cell = Turns.Write(turns);
                return cell.All(char.IsAscii) && Turns.Parse(cell).SequenceEqual(turns);
            },
            iter: 2000);
    }

    [Fact]
    public void WhatSystemTextJsonWrites_ReadsBackExactly()
        => Gen.String.Select(s => string.Concat(s.EnumerateRunes()))
            .Array[0, 4]
            .Sample(turns => Turns.Parse(JsonSerializer.Serialize(turns)).SequenceEqual(turns), iter: 1000);

    [Fact]
    public void AnyText_IsReadOrGivesTheTypedError()
    {
        var text = Gen.OneOf(Gen.String, Gen.String[Gen.Char["[]\",\\ unl/012ad\ud83d\n"], 0, 20].Select(s => "[\"" + s));
        text.Sample(
            cell =>
            {
                try
                {
                    // What is accepted must be JSON to another reader too, unless it holds half a character.
                    var turns = Turns.Parse(cell);
                    return turns.Any(t => t is not null && t.Any(char.IsSurrogate)) || JsonSerializer.Deserialize<string?[]>(cell)!.SequenceEqual(turns);
                }
                catch (TurnsFormatException error)
                {
                    return error.Position <= cell.Length;
                }
            },
            iter: 20_000);
    }
}
