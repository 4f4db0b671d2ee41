using System.Text;

namespace LoraArena.Tokenizers.Tests;

/// <summary>
/// Every text there is against Hugging Face's library, on every tokenizer.json below the folder that LORAARENA_TOKENIZERS names
/// (artifacts/npm by default, which
/// sweep.sh fills): minutes for each file, so only where asked for. See docs/tokenizers.md.
/// </summary>
public sealed class LibrarySweepTests
{
    private static readonly string Folder = Environment.GetEnvironmentVariable("LORAARENA_TOKENIZERS") ?? Path.Join(TestFiles.Root, "artifacts", "npm");

    public static TheoryData<string> Names => Directory.Exists(Folder)
        ? [.. Directory.EnumerateFiles(Folder, "tokenizer.json", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Folder, Path.GetDirectoryName(path)!))
            .Order(StringComparer.Ordinal)]
        : ["none"];

    [Theory(Explicit = true)]
    [InlineData("bytes-llama3")]
    [InlineData("bytes-qwen2")]
    [InlineData("bytes-o200k")]
    [InlineData("sentencepiece-llama2")]
    [InlineData("sentencepiece-gemma")]
    [InlineData("unigram-deberta")]
    public void ASampleOfBattlesMixturesAndCodePoints_IsEncodedAsTheLibraryDoes(string name)
    {
        var battles = Battles.Texts(TestFiles.Shared("data", "preferences", "train.csv")).Where((_, i) => i % 149 == 0);
        var codePoints = EveryCodePoint().Where((_, i) => i % 97 == 0);
        var different = Library.Differences(
            TestFiles.Fixture("tokenizers", name),
            [.. battles, .. codePoints, .. HardTexts.Mixtures(seed: 2, count: 40).Select(Repair)]);
        Assert.True(different.Count == 0, string.Join('\n', different));
    }

    [Theory(Explicit = true)]
    [MemberData(nameof(Names))]
    public void HardTexts_AreEncodedAsTheLibraryDoes(string name)
        => Check(name, [.. HardTexts.Short.Concat(HardTexts.Mixtures(seed: 1, count: 600)).Select(Repair)]);

    [Theory(Explicit = true)]
    [MemberData(nameof(Names))]
    public void EveryCodePoint_IsEncodedAsTheLibraryDoes(string name) => Check(name, EveryCodePoint());

    [Theory(Explicit = true)]
    [MemberData(nameof(Names))]
    public void EveryBattle_IsEncodedAsTheLibraryDoes(string name) => Check(name, [.. Battles.Texts(TestFiles.Shared("data", "preferences", "train.csv"))]);

    private static void Check(string name, IReadOnlyList<string> texts)
    {
        Assert.SkipUnless(Directory.Exists(Folder), $"{Folder} is missing");
        var different = Library.Differences(Path.Join(Folder, name), texts);
        Assert.True(different.Count == 0, string.Join('\n', different));
    }

    // Each code point alone between spaces, in a word, before and after a mark, and beside a digit.
    private static List<string> EveryCodePoint()
    {
        var texts = new List<string>();
        var text = new StringBuilder();
        for (var codePoint = 0; codePoint <= 0x10FFFF; codePoint++)
        {
            if (codePoint is >= 0xD800 and <= 0xDFFF) continue;
            var c = char.ConvertFromUtf32(codePoint);
            text.Append(c).Append(" a").Append(c).Append("b ").Append(c).Append("\u0301 ").Append(c).Append("1 A").Append(c).Append(' ');
            if (text.Length < 2000) continue;
            texts.Add(text.ToString());
            text.Clear();
        }

        texts.Add(text.ToString());
        return texts;
    }

    private static string Repair(string text) => string.Concat(text.EnumerateRunes());
}
