using LoraArena.Core.Statistics;

namespace LoraArena.Starter.Families;

/// <summary>English questions that want their answer in another language.</summary>
internal sealed class AnswerLanguage : QuestionFamily
{
    public override double Weight => 9;

    public override Question Ask(SeededRandom random, Language language)
    {
        var wanted = random.Pick([Language.German, Language.French, Language.Spanish]);
        var question = random.Chance(0.7) ? Capitals.Ask(random, Language.English, wanted) : Arithmetic.Sum(random, Language.English, wanted);
        var wish = random.Pick(
        [
            $"Answer in {wanted}.", $"Please reply in {wanted}.", $"Write your answer in {wanted}, please.",
            $"I am learning {wanted}, so use {wanted}.",
        ]);
        return question with { Prompt = random.Chance(0.3) ? $"{wish} {question.Prompt}" : $"{question.Prompt} {wish}" };
    }
}
