using LoraArena.Core.Statistics;

namespace LoraArena.Starter;

/// <summary>What a reader notices about an answer. It alone decides how much the answer is liked.</summary>
internal sealed record AnswerTraits
{
    /// <summary>Nothing was written at all.</summary>
    public bool Missing { get; init; }

    /// <summary>The model did not answer.</summary>
    public bool Refused { get; init; }

    /// <summary>The content is right.</summary>
    public bool Correct { get; init; }

    /// <summary>The asked form is kept; null where none was asked for.</summary>
    public bool? FormatKept { get; init; }

    /// <summary>The answer is in another language than the asked one.</summary>
    public bool Strayed { get; init; }

    /// <summary>Friendly words.</summary>
    public bool Polite { get; init; }

    /// <summary>Rude words.</summary>
    public bool Rude { get; init; }

    /// <summary>Needless excuses.</summary>
    public bool Apologised { get; init; }

    /// <summary>Words of doubt.</summary>
    public bool Hedged { get; init; }

    /// <summary>Says one thing and then the opposite.</summary>
    public bool Reversed { get; init; }

    /// <summary>Sentences that explain.</summary>
    public int Details { get; init; }

    /// <summary>Sentences that say nothing.</summary>
    public int Padding { get; init; }
}

/// <summary>An answer and what a reader notices about it; a missing answer is null.</summary>
internal sealed record Answer(string? Text, AnswerTraits Traits);

/// <summary>Puts answers together from a question's content and a model's habits.</summary>
internal static class AnswerWriter
{
    private const double Missing = 0.004;

    /// <summary>An answer of a model.</summary>
    public static Answer Write(SeededRandom random, Question question, StarterModel model)
    {
        if (random.Chance(Missing)) return new Answer(null, new AnswerTraits { Missing = true });
        var phrases = Phrases.Of(question.Language);
        if (random.Chance(model.Refuses)) return Refuse(random, phrases, model);
        if (random.Chance(model.Strays)) return Stray(random, question, model);

        var correct = random.Chance(model.Correct);
        if (question.Format != AskedFormat.Strict) return Talk(random, question, model, phrases, correct, random.Chance(model.KeepsFormat));
        return random.Chance(model.KeepsFormat)
            ? new Answer((correct ? question.Right(random) : question.Wrong(random)).Kept, new AnswerTraits { Correct = correct, FormatKept = true })
            : Talk(random, question, model, phrases, correct, formatKept: false);
    }

    private static Answer Refuse(SeededRandom random, Phrases phrases, StarterModel model)
    {
        var text = random.Pick(phrases.Refusals);
        var padding = random.Chance(model.Pads) ? 1 : 0;
        if (padding > 0) text += " " + random.Pick(phrases.Padding);
        return new Answer(text, new AnswerTraits { Refused = true, Padding = padding });
    }

    private static Answer Stray(SeededRandom random, Question question, StarterModel model)
    {
        var correct = question.Abroad is not null && random.Chance(model.Correct);
        var language = random.PickOther([Language.English, Language.German, Language.French, Language.Spanish], question.Language);
        var text = correct ? question.Abroad! : random.Pick(Phrases.Of(language).Evasions);
        return new Answer(text, new AnswerTraits { Strayed = true, Correct = correct, FormatKept = question.Format == AskedFormat.None ? null : false });
    }

    /// <summary>Whole sentences, with whatever the model is in the habit of saying round them.</summary>
    private static Answer Talk(SeededRandom random, Question question, StarterModel model, Phrases phrases, bool correct, bool formatKept)
    {
        var (said, opposite) = correct ? (question.Right(random), question.Wrong) : (question.Wrong(random), question.Right);
        var parts = new List<string>();
        var rude = random.Chance(model.Rude);
        var polite = !rude && random.Chance(model.Polite);
        var apologised = !rude && random.Chance(model.Apologises);
        var hedged = random.Chance(model.Hedges);
        var reversed = random.Chance(model.Reverses);
        var details = correct ? question.Details.Where(_ => random.Chance(model.Explains)).Take(3).ToList() : [];
        var rudeFirst = random.Chance(0.6);
        var (opens, closes) = random.Next(3) switch { 0 => (true, false), 1 => (false, true), _ => (true, true) };

        if (rude && rudeFirst) parts.Add(random.Pick(phrases.Rude));
        if (apologised) parts.Add(random.Pick(phrases.Apologies));
        if (polite && opens) parts.Add(random.Pick(phrases.Openings));
        var pads = Enumerable.Range(0, 4).Count(_ => random.Chance(model.Pads));
        var padding = random.PickSeveral(phrases.Padding, pads);
        if (pads > 1) parts.Add(padding[0]);
        parts.Add(formatKept ? said.Kept : said.Broken);
        parts.AddRange(details);
        if (hedged) parts.Add(random.Pick(phrases.Hedges));
        if (reversed) parts.Add($"{random.Pick(phrases.Reversals)} {opposite(random).Broken}");
        parts.AddRange(pads > 1 ? padding[1..] : padding);
        if (rude && !rudeFirst) parts.Add(random.Pick(phrases.Rude));
        if (polite && closes) parts.Add(random.Pick(phrases.Closings));
        return new Answer(Join(parts), new AnswerTraits
        {
            Correct = correct,
            FormatKept = question.Format == AskedFormat.None ? null : formatKept,
            Polite = polite,
            Rude = rude,
            Apologised = apologised,
            Hedged = hedged,
            Reversed = reversed,
            Details = details.Count,
            Padding = pads,
        });
    }

    /// <summary>Lists and letters stand in paragraphs of their own.</summary>
    private static string Join(List<string> parts)
    {
        var text = parts[0];
        for (var i = 1; i < parts.Count; i++)
        {
            var apart = parts[i].Contains('\n', StringComparison.Ordinal) || parts[i - 1].Contains('\n', StringComparison.Ordinal);
            text += (apart ? "\n\n" : " ") + parts[i];
        }

        return text;
    }
}
