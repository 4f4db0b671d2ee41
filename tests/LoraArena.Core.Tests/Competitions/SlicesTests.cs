using LoraArena.Core.Battles;
using LoraArena.Core.Competitions;

namespace LoraArena.Core.Tests.Competitions;

public sealed class SlicesTests
{
    [Theory]
    [InlineData("Who won?", "Latin letters")]
    [InlineData("É ß ů", "Latin letters")]
    [InlineData("Ποιος κέρδισε; A", "Greek")]
    [InlineData("Кто победил?", "Cyrillic")]
    [InlineData("誰贏了", "Chinese characters")]
    [InlineData("漢字漢字の", "Japanese")]
    [InlineData("누가 이겼어", "Korean")]
    [InlineData("क्या ab", "Indic")]
    [InlineData("1 + 1 = ?", "no letters")]
    [InlineData("", "no letters")]
    public void TheScriptOfTheFirstPrompt_IsItsLanguage(string prompt, string expected)
        => Assert.Equal(("language", expected), Slices.Of(new Battle("1", null, null, [prompt, "Хорошо"], ["a", "b"], ["a", "b"], null)).First());
}
