using System.Text.Json.Nodes;
using LoraArena.Tokenizers;

namespace LoraArena.Tokenizers.Tests;

/// <summary>Which token plays which role, against Transformers 5.24's AutoTokenizer (make_special_tokens_fixture.py).</summary>
public sealed class SpecialTokensTests
{
    private static readonly JsonNode Fixture = HardTexts.Read("special_tokens.json");

    public static TheoryData<string> Folders => [.. Fixture["folders"]!.AsArray().Select(folder => folder!["name"]!.GetValue<string>())];

    [Theory]
    [MemberData(nameof(Folders))]
    public void Roles_AreThoseOfAutoTokenizer(string name)
    {
        var entry = Fixture["folders"]!.AsArray().Single(folder => folder!["name"]!.GetValue<string>() == name)!;
        using var folder = new TemporaryFolder();
        folder.With("tokenizer.json", Fixture["tokenizer"]!.ToJsonString());
        foreach (var (file, content) in entry["files"]!.AsObject()) folder.With(file, content!.ToJsonString());

        var expected = entry["roles"]!;
        Assert.Equal(
            new SpecialTokens(Id("cls"), Id("sep"), Id("bos"), Id("eos"), Id("pad"), Id("unk"), Id("mask")),
            HuggingFaceTokenizer.Load(folder.Path).SpecialTokens);

        int? Id(string role) => expected[role]?.GetValue<int>();
    }

    [Fact]
    public void TheModelsUnknownToken_IsTheOneWhereTheFolderNamesNone() => Assert.Equal(0, TinyTokenizer.Load(_ => { }).SpecialTokens.Unk);

    [Fact]
    public void MiniLm_HasBertsRoles()
    {
        var tokenizer = HuggingFaceTokenizer.Load(TestFiles.Shared("models", "minilm-l6"));

        Assert.Equal(new SpecialTokens(Cls: 101, Sep: 102, Bos: null, Eos: null, Pad: 0, Unk: 100, Mask: 103), tokenizer.SpecialTokens);
        Assert.Equal(30_522, tokenizer.VocabularySize);
    }
}
