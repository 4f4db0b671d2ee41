using LoraArena.Core.Battles;

namespace LoraArena.Core.Tests.Battles;

public sealed class PromptGroupTests
{
    [Theory]
    [InlineData("Hello  World", " hello\n\tworld ")]
    [InlineData("ΟΔΟΣ", "οδος")]
    [InlineData("ﬁve ①", "five 1")]
    [InlineData("cafe\u0301", "CAFÉ")]
    [InlineData("ｆｕｌｌ", "full")]
    [InlineData("a\u00a0b", "a b")]
    [InlineData("a\0b", "a b")]
    public void Key_IsTheSameWhateverCaseSpaceAndForm(string one, string other) => Assert.Equal(PromptGroup.Key([one]), PromptGroup.Key([other]));

    [Fact]
    public void Key_DiffersWhereTurnsDo()
    {
        IReadOnlyList<string?>[] prompts = [["a"], ["b"], ["a", "b"], ["a b"], ["ab"], ["b", "a"], [null], [""], ["a", null], ["a", ""], [null, "a"], []];
        Assert.Equal(prompts.Length, prompts.Select(PromptGroup.Key).Distinct().Count());
        Assert.All(prompts, prompt => Assert.Matches("^[0-9a-f]{16}$", PromptGroup.Key(prompt)));
    }

    // .NET refuses to normalise U+FFFE, which a prompt may hold.
    [Fact]
    public void Key_BearsAByteOrderMarkTurnedRound()
    {
        Assert.Equal(PromptGroup.Key(["x\ufffe"]), PromptGroup.Key(["X\ufffe"]));
        Assert.NotEqual(PromptGroup.Key(["x\ufffe"]), PromptGroup.Key(["x"]));
    }

    [Fact]
    public void Key_BearsSurrogatesWithoutAPartner()
    {
        Assert.Equal(PromptGroup.Key(["x\ud83d"]), PromptGroup.Key(["X \ud83d".Replace(" ", "", StringComparison.Ordinal)]));
        Assert.NotEqual(PromptGroup.Key(["x\ud83d"]), PromptGroup.Key(["x"]));
    }
}
