using LoraArena.Core.Statistics;

namespace LoraArena.Starter;

/// <summary>A language that the starter's people and models write.</summary>
internal enum Language
{
    English,
    German,
    French,
    Spanish,
}

/// <summary>What a question says about the form of its answer.</summary>
internal enum AskedFormat
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>A list or a single sentence: friendly words before and after it do no harm.</summary>
    Loose,

    /// <summary>One word, JSON, capitals, a bare number: any other word breaks it.</summary>
    Strict,
}

/// <summary>What an answer says, in the form that was asked for and in another.</summary>
/// <param name="Kept">In the asked form.</param>
/// <param name="Broken">In whole sentences of no particular form.</param>
internal sealed record Content(string Kept, string Broken)
{
    /// <summary>Content of a question that asks for no form.</summary>
    public Content(string text)
        : this(text, text)
    {
    }
}

/// <summary>One turn of a user, with all that an answer to it may be made of.</summary>
/// <param name="Prompt">What the user writes.</param>
/// <param name="Language">The language that the answer should be in.</param>
/// <param name="Format">Whether a form is asked for.</param>
/// <param name="Right">Words the right answer; each model words it for itself.</param>
/// <param name="Wrong">Words a wrong one that looks alike.</param>
/// <param name="Details">Sentences that explain the right answer.</param>
/// <param name="Abroad">The right answer in another language; null where the starter cannot say it.</param>
internal sealed record Question(string Prompt, Language Language, AskedFormat Format, Wording Right, Wording Wrong, string[] Details, string? Abroad = null);

/// <summary>Finds words for what an answer is to say.</summary>
internal delegate Content Wording(SeededRandom random);

/// <summary>Questions of one kind: how they are asked, and what answers them rightly and wrongly.</summary>
internal abstract class QuestionFamily
{
    /// <summary>How often the family is asked, relative to the others.</summary>
    public abstract double Weight { get; }

    /// <summary>True for the languages that its users write.</summary>
    public virtual bool Speaks(Language language) => language == Language.English;

    /// <summary>A question.</summary>
    public abstract Question Ask(SeededRandom random, Language language);
}
