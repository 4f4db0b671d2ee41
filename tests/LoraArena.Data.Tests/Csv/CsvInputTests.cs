using System.Text;
using CsCheck;
using LoraArena.Data.Csv;

namespace LoraArena.Data.Tests.Csv;

public sealed class CsvInputTests
{
    private static UTF8Encoding Utf8 { get; } = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    [Theory]
    [InlineData("a,b\n1,2\n3,4\n")]
    [InlineData("a,b\n1,2\n3,4")]
    [InlineData("a,b\r\n1,2\r\n3,4\r\n")]
    [InlineData("a,b\r\n1,2\r\n3,4")]
    [InlineData("a,b\r1,2\r3,4\r")]
    [InlineData("a,b\r1,2\r3,4")]
    [InlineData("\"a\",\"b\"\n\"1\",\"2\"\n\"3\",\"4\"\n")]
    [InlineData("\ufeffa,b\n1,2\n3,4\n")]
    [InlineData("a,b\n1,2\n3,4\n\n\n")]
    public void Records_AreTheSameWhateverTheLineEndsQuotesAndMark(string text)
    {
        var (header, records) = Read(Utf8.GetBytes(text));
        Assert.Equal(["a", "b"], header);
        Assert.Equal([["1", "2"], ["3", "4"]], records.Select(r => r.Cells));
        Assert.Equal([2L, 3L], records.Select(r => r.Line));
    }

    [Fact]
    public void Records_KeepLineBreaksCommasAndDoubledQuotesInsideQuotes()
    {
        var (_, records) = Read(Utf8.GetBytes("a,b\n\"x\r\ny\",\"p,\"\"q\"\"\"\n , \n\"\",\n"));
        Assert.Equal([["x\r\ny", "p,\"q\""], [" ", " "], ["", ""]], records.Select(r => r.Cells));
    }

    [Theory]
    [InlineData("\n")]
    [InlineData("\r\n")]
    [InlineData("\r")]
    public void Lines_AreThoseOfAnEditorAlsoAfterCellsOfSeveralLines(string end)
    {
        var (_, records) = Read(Utf8.GetBytes($"a,b{end}\"x{end}y{end}z\",1{end}2,\"{end}\"{end}{end}3,4{end}"));
        Assert.Equal([2L, 5L, 7L, 8L], records.Select(r => r.Line));
        Assert.Equal([""], records[2].Cells);
    }

    [Fact]
    public void Records_HoldACellOfAMebibyteExactly()
    {
        var cell = string.Concat(Enumerable.Repeat("\"é,\n", 1 << 18));
        var (_, records) = Read(Utf8.GetBytes("a,b\n\"" + cell.Replace("\"", "\"\"", StringComparison.Ordinal) + "\",2\n"));
        Assert.Equal(cell, records.Single().Cells[0]);
    }

    [Theory]
    [InlineData("utf-16")]
    [InlineData("utf-16BE")]
    [InlineData("utf-32")]
    public void Records_AreReadFromWideTextWithAMark(string encoding)
    {
        var wide = Encoding.GetEncoding(encoding);
        var (header, records) = Read([.. wide.GetPreamble(), .. wide.GetBytes("a,b\né😀,2\n")]);
        Assert.Equal(["a", "b"], header);
        Assert.Equal(["é😀", "2"], records.Single().Cells);
    }

    [Theory]
    [InlineData(new byte[] { 0x3d, 0xd8, 0x41, 0x00 })]
    [InlineData(new byte[] { 0x3d })]
    public void Utf16_WithHalfACharacterIsRefused(byte[] end)
    {
        var refusal = Refusal([.. Encoding.Unicode.GetPreamble(), .. Encoding.Unicode.GetBytes("a,b\n1,2\n3,"), .. end]);
        Assert.Contains("not valid UTF-16", refusal.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new byte[] { 0xff }, "FF")]
    [InlineData(new byte[] { 0xe9 }, "E9")] // é of Latin-1
    [InlineData(new byte[] { 0xc0, 0xaf }, "C0")] // overlong '/'
    [InlineData(new byte[] { 0xed, 0xa0, 0xbd }, "ED")] // a surrogate
    [InlineData(new byte[] { 0xf5, 0x80, 0x80, 0x80 }, "F5")]
    public void Utf8_WithAnInvalidByteIsRefusedWithItsOffsetLineAndColumn(byte[] bad, string shown)
    {
        var refusal = Refusal([.. "a,b\n1,2\n\"x\ny\",é"u8, .. bad, .. "z\n"u8]);
        Assert.Contains($"byte {shown} at offset 16 is not UTF-8", refusal.Reason, StringComparison.Ordinal);
        Assert.Equal((4L, 5L), (refusal.Line, refusal.Column));
    }

    [Fact]
    public void Nul_IsRefusedWithItsPlace()
    {
        var refusal = Refusal("a,b\n1,x\0y\n"u8);
        Assert.Equal((2L, 4L), (refusal.Line, refusal.Column));
        Assert.Contains("NUL", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OtherControlAndFormatCharacters_AreKept()
    {
        const string Odd = "\u0001\u001b\u2028\u202e\u200b\ufeff";
        Assert.Equal(Odd, Read(Utf8.GetBytes($"a,b\n{Odd},2\n")).Records.Single().Cells[0]);
    }

    [Theory]
    [InlineData("a,b\n1,2\n\"x y\",\"z\" w\n", 3, 10, "text follows the closing quote")]
    [InlineData("a,b\n1,2\n3,4\"5\n", 3, 4, "inside a cell that is not quoted")]
    [InlineData("a,b\r\n1,\"2\"3\r\n", 2, 6, "text follows the closing quote")]
    [InlineData("a,b\"\n1,2\n", 1, 4, "inside a cell that is not quoted")]
    public void StrayQuotes_AreRefusedWithLineAndColumn(string text, long line, long column, string reason)
    {
        var refusal = Refusal(Utf8.GetBytes(text));
        Assert.Equal((line, column), (refusal.Line, refusal.Column));
        Assert.Contains(reason, refusal.Reason, StringComparison.Ordinal);
        Assert.StartsWith($"file.csv, line {line}, column {column}: ", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a,b\n1,2\n\"x\ny\",\"z\" w\n", 3, "line 4, column 7")]
    [InlineData("a,b\n1,2\n3,\"4\n5,\"6\"\n7,8\n", 3, "line 4, column 4")]
    [InlineData("a,b\n\"1\n\n\n2\",\"3\"4\n", 2, "line 5, column 7")]
    public void StrayQuotesFurtherDown_AreRefusedAtTheLineTheirRowBeginsOn(string text, long line, string place)
    {
        var refusal = Refusal(Utf8.GetBytes(text));
        Assert.Equal((line, (long?)null), (refusal.Line!.Value, refusal.Column));
        Assert.EndsWith(place, refusal.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a,b\n1,2\n3,\"4\n5,6\n7,8\n", 3)]
    [InlineData("a,b\n1,\"x\ny\"\n3,\"4\"\"\n5,6\"\"", 4)]
    [InlineData("a,b\n1,\"", 2)]
    public void AnUnclosedQuote_IsRefusedAtTheLineItsRowBeginsOn(string text, long line)
    {
        var refusal = Refusal(Utf8.GetBytes(text));
        Assert.Equal(line, refusal.Line);
        Assert.Contains("never closed", refusal.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void AnUnclosedQuote_InALargeFileIsRefusedWithoutReadingTheFileIntoMemory()
    {
        using var folder = new TemporaryFolder();
        using (var file = File.Create(folder.At("big.csv")))
        {
            file.Write("a,b\n1,2\n3,\"never closed\n"u8);
            var line = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("4,5\n", 1 << 18)));
            for (var i = 0; i < 64; i++) file.Write(line);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        var refusal = Assert.Throws<CsvRefusedException>(() => Drain(folder.At("big.csv")));
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(3, refusal.Line);
        Assert.Contains("longer than 8 MiB", refusal.Reason, StringComparison.Ordinal);
        Assert.True(allocated < 64 << 20, $"{allocated >> 20} MiB were allocated for a file of 64 MiB");
    }

    [Theory]
    [InlineData(CsvLimits.RecordBytes - 16, true)]
    [InlineData(CsvLimits.RecordBytes + (1 << 17), false)]
    public void ARow_MayBeAsLongAsTheLimitAndNotLonger(int length, bool accepted)
    {
        byte[] bytes = [.. "a,b\n"u8, .. Encoding.ASCII.GetBytes(new string('x', length)), .. ",2\n"u8];
        if (accepted) Assert.Equal(length, Read(bytes).Records.Single().Cells[0].Length);
        else Assert.Equal(2, Refusal(bytes).Line);
    }

    [Theory]
    [InlineData("id;prompt;x\n1;2;3\n", "';'")]
    [InlineData("id\tprompt\n1\t2\n", "a tab")]
    [InlineData("id|prompt\n1|2\n", "'|'")]
    public void OtherSeparators_AreRefusedByName(string text, string found)
        => Assert.Contains($"look separated by {found}", Refusal(Utf8.GetBytes(text)).Reason, StringComparison.Ordinal);

    [Fact]
    public void ForeignFiles_AreRefusedByTheirFirstBytes()
    {
        (byte[] Start, string Kind)[] files =
        [
            ([0x1f, 0x8b, 0x08, 0x00], "gzip"), ([0x50, 0x4b, 0x03, 0x04], "Excel"), ([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a], "PNG"),
            ([0x7f, 0x45, 0x4c, 0x46], "program"),
            ([0x25, 0x50, 0x44, 0x46, 0x2d], "PDF"), ([0x50, 0x41, 0x52, 0x31], "Parquet"),
        ];
        Assert.All(files, file => Assert.Contains(file.Kind, Refusal(file.Start).Reason, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("", "the file is empty")]
    [InlineData("\ufeff", "no header")]
    [InlineData("\n1,2\n", "no header")]
    public void AFileWithoutAHeader_IsRefused(string text, string reason)
        => Assert.Contains(reason, Refusal(Utf8.GetBytes(text)).Reason, StringComparison.Ordinal);

    [Fact]
    public void AHeaderOfTooManyColumns_IsRefused()
    {
        Assert.Equal(CsvLimits.Columns, Read(Utf8.GetBytes(string.Join(',', Enumerable.Range(0, CsvLimits.Columns)) + "\n")).Header.Count);
        Assert.Contains(
            "257 columns", Refusal(Utf8.GetBytes(string.Join(',', Enumerable.Range(0, CsvLimits.Columns + 1)) + "\n")).Reason,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(CsvLimits.Rows, true)]
    [InlineData(CsvLimits.Rows + 1, false)]
    public void AFile_MayHaveAsManyRowsAsTheLimitAndNotMore(int rows, bool accepted)
    {
        using var folder = new TemporaryFolder();
        var bytes = new byte[2 + (2 * rows)];
        for (var i = 0; i < bytes.Length; i += 2) (bytes[i], bytes[i + 1]) = ((byte)'x', (byte)'\n');
        folder.Write("big.csv", bytes);
        if (accepted) Assert.Equal(rows, Drain(folder.At("big.csv")));
        else Assert.Equal(CsvLimits.Rows + 2, Assert.Throws<CsvRefusedException>(() => Drain(folder.At("big.csv"))).Line);
    }

    [Fact]
    public void WhatCsvOutputWrites_ReadsBackExactly()
    {
        // Any text without NUL and without half characters; line ends, quotes and commas often.
        var cell = Gen.OneOf(Gen.String[Gen.Char["ab,\"\n\r ;\t=é\u2028"], 0, 8], Gen.String.Select(Clean));
        using var folder = new TemporaryFolder();
        Gen.Select(cell, cell).Array[1, 8].Sample(
            rows =>
            {
                CsvOutput.Write(folder.At("x.csv"), ["a", "b"], rows.Select(row => (string[])[row.Item1, row.Item2]));
                using var csv = new CsvInput(folder.At("x.csv"), "x.csv");
                var records = csv.Records().ToList();
                Assert.Equal(rows.Select(row => (string[])[row.Item1, row.Item2]), records.Select(r => r.Cells));
            },
            iter: 200,
            threads: 1);
    }

    [Fact]
    public void AnyBytes_AreReadOrRefusedAndNothingElse()
    {
        // Mutations of a good file, and of every trap above.
        byte[][] seeds =
        [
            [.. "id,prompt\n1,\"[\"\"a\"\"]\"\n2,\"x\ny\"\n"u8], [.. "a,b\n3,\"4\n"u8], [0xef, 0xbb, 0xbf, .. "a,b\r\n1,2\r\n"u8],
            [.. Encoding.Unicode.GetPreamble(), .. Encoding.Unicode.GetBytes("a,b\n1,2\n")], [.. "a;b\n"u8], [.. "a,b\n\"x\"y,é\n"u8],
        ];
        using var folder = new TemporaryFolder();
        Gen.Select(Gen.Int[0, seeds.Length - 1], Gen.Select(Gen.Int[0, 40], Gen.Byte).Array[0, 4]).Sample(
            (seed, changes) =>
            {
                byte[] bytes = [.. seeds[seed]];
                foreach (var (place, value) in changes) bytes[place % bytes.Length] = value;
                try
                {
                    using var csv = new CsvInput(folder.Write("f.csv", bytes), "f.csv");
                    Assert.All(csv.Records(), record => Assert.NotEmpty(record.Cells));
                }
                catch (CsvRefusedException refusal)
                {
                    Assert.NotEmpty(refusal.Reason);
                }
            },
            iter: 3000,
            threads: 1);
    }

    [Theory]
    [InlineData("sep=;\na;b\n1;2\n")]
    [InlineData("sep=;\r\na;b\r\n1;2\r\n")]
    [InlineData("\"sep=;\"\na;b\n1;2\n")]
    [InlineData("SEP=;\na;b\n1;2")]
    [InlineData("\ufeffsep=;\r\na;b\r\n1;2\r\n")]
    [InlineData("sep=\t\na\tb\n1\t2\n")]
    [InlineData("sep=|\ra|b\r1|2\r")]
    [InlineData("sep=,\na,b\n1,2\n")]
    public void ALineThatNamesTheSeparator_IsFollowed(string text)
    {
        var (header, records) = Read(Utf8.GetBytes(text));
        Assert.Equal(["a", "b"], header);
        Assert.Equal((3L, "1", "2"), (records.Single().Line, records[0].Cells[0], records[0].Cells[1]));
    }

    [Theory]
    [InlineData("sep=;\na,b\n1,2\n", "separated by ','; they must be separated by ';', as line 1 says")]
    [InlineData("sep=;\n", "there is no header")]
    [InlineData("sep=;", "separated by ';'")]
    public void ALineThatNamesTheSeparator_MustBeTrue(string text, string reason)
        => Assert.Contains(reason, Refusal(Utf8.GetBytes(text)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("sep=ab\n1\n")]
    [InlineData("sep=\n1\n")]
    [InlineData("sep=a,b\n1,2\n")]
    public void AColumnThatIsOnlyCalledLikeIt_IsAColumn(string text)
        => Assert.StartsWith("sep=", Read(Utf8.GetBytes(text)).Header[0], StringComparison.Ordinal);

    [Fact]
    public void ALineThatNamesTheSeparator_IsFollowedInWideTextToo()
    {
        var (header, records) = Read([.. Encoding.Unicode.GetPreamble(), .. Encoding.Unicode.GetBytes("sep=;\r\na;b\r\né;2\r\n")]);
        Assert.Equal(["a", "b"], header);
        Assert.Equal("é", records.Single().Cells[0]);
    }

    [Fact]
    public void APipe_IsRefusedAndNotWaitedFor()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Pipes with a name are made by mkfifo.");
        using var folder = new TemporaryFolder();
        using var make = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("mkfifo", [folder.At("pipe")]))!;
        Assert.True(make.WaitForExit(10_000) && make.ExitCode == 0);
        Assert.Contains("a pipe (FIFO), not a file", Assert.Throws<CsvRefusedException>(() => Drain(folder.At("pipe"))).Message, StringComparison.Ordinal);
        Assert.Contains("a device, not a file", Assert.Throws<CsvRefusedException>(() => Drain("/dev/zero")).Message, StringComparison.Ordinal);
    }

    private static string Clean(string text) => string.Concat(text.EnumerateRunes()).Replace("\0", "", StringComparison.Ordinal);

    private static CsvRefusedException Refusal(ReadOnlySpan<byte> bytes)
    {
        var content = bytes.ToArray();
        return Assert.Throws<CsvRefusedException>(() => Read(content));
    }

    private static (IReadOnlyList<string> Header, List<CsvRecord> Records) Read(byte[] bytes)
    {
        using var folder = new TemporaryFolder();
        using var csv = new CsvInput(folder.Write("f.csv", bytes), "file.csv");
        return (csv.Header, csv.Records(TestContext.Current.CancellationToken).ToList());
    }

    private static int Drain(string path)
    {
        using var csv = new CsvInput(path, "big.csv");
        return csv.Records(TestContext.Current.CancellationToken).Count();
    }
}
