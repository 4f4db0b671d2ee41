using System.Globalization;
using LoraArena.Core.Battles;
using LoraArena.Core.Statistics;
using LoraArena.Starter.Families;

namespace LoraArena.Starter;

/// <summary>A battle of the starter and what the judges would say about it on average.</summary>
/// <param name="Battle">The row, with its drawn winner.</param>
/// <param name="Truth">The probabilities that the winner was drawn from: no predictor is better in the long run.</param>
public sealed record StarterBattle(Battle Battle, Probabilities Truth);

/// <summary>
/// Makes a small competition in the form of the real one, so that everything can be tried before the real files are there.
/// Everything in it is invented: users ask from a few families of questions, eight simulated models answer with different skill and
/// manners, and a simulated judge prefers the answer that is right, keeps the asked form and language, and is polite and to the point.
/// The same seed gives the same bytes on every machine.
/// </summary>
public static class StarterGenerator
{
    private const double ShareOfSeveralTurns = 0.15;
    private const double ShareOfRepeatedPrompts = 0.12;
    private const int IdStep = 1_700_000;

    private static QuestionFamily[] Families { get; } =
    [
        new Arithmetic(), new Facts(), new Capitals(), new AnswerLanguage(), new Translations(), new Lists(), new Summaries(),
        new Requests(), new Opinions(), new Reasons(),
    ];

    /// <summary>Writes train.csv, test.csv and sample_submission.csv, each whole or not at all.</summary>
    /// <param name="folder">Made where it is missing.</param>
    /// <param name="seed">Names everything that is drawn.</param>
    /// <param name="trainRows">Rows with winners.</param>
    /// <param name="testRows">Rows without.</param>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static void Write(string folder, long seed, int trainRows = 2000, int testRows = 500)
    {
        Directory.CreateDirectory(folder);
        var test = Test(seed, testRows);
        StarterCsv.Write(
            Path.Join(folder, "train.csv"),
            ["id", "model_a", "model_b", "prompt", "response_a", "response_b", .. Winners.Columns],
            Train(seed, trainRows).Select(row => row.Battle).Select(battle => (string[])
            [
                battle.Id, battle.ModelA!, battle.ModelB!, Turns.Write(battle.Prompts), Turns.Write(battle.ResponsesA), Turns.Write(battle.ResponsesB),
                OneHot(battle, Winner.ModelA), OneHot(battle, Winner.ModelB), OneHot(battle, Winner.Tie),
            ]));
        StarterCsv.Write(
            Path.Join(folder, "test.csv"),
            ["id", "prompt", "response_a", "response_b"],
            test.Select(row => row.Battle).Select(battle => (string[])
            [
                battle.Id, Turns.Write(battle.Prompts), Turns.Write(battle.ResponsesA), Turns.Write(battle.ResponsesB),
            ]));
        var third = Probabilities.Uniform.Tie.ToString("R", CultureInfo.InvariantCulture);
        StarterCsv.Write(
            Path.Join(folder, "sample_submission.csv"),
            ["id", .. Winners.Columns],
            test.Select(row => (string[])[row.Battle.Id, third, third, third]));
    }

    /// <summary>Rows of train.csv, with their winners.</summary>
    public static IReadOnlyList<StarterBattle> Train(long seed, int rows) => Rows(seed, rows, ofTest: false);

    /// <summary>Rows of test.csv; the winners are there but not written. No turn of a prompt occurs in train.csv.</summary>
    public static IReadOnlyList<StarterBattle> Test(long seed, int rows) => Rows(seed, rows, ofTest: true);

    private static List<StarterBattle> Rows(long seed, int rows, bool ofTest)
    {
        var part = ofTest ? 1 : 0;
        var result = new List<StarterBattle>(rows);
        var ids = new SeededRandom(seed, part, -1);

        // Ids grow by random steps, even in one file and odd in the other, so they never meet.
        var id = 0L;
        for (var row = 0; row < rows; row++)
        {
            id += 2L * (1 + ids.Next(IdStep * 500 / Math.Max(rows, 1)));
            result.Add(Row(seed, part, row, id + part));
        }

        return result;
    }

    private static StarterBattle Row(long seed, int part, int row, long id)
    {
        var random = new SeededRandom(seed, part, row, 0);

        // A repeated prompt is drawn from the stream of the row that asked it first.
        var asker = row > 20 && random.Chance(ShareOfRepeatedPrompts) ? random.Next(row) : row;
        var questions = Questions(new SeededRandom(seed, part, asker, 1), ofTest: part == 1);
        var models = random.PickSeveral(StarterModel.All, 2);
        var a = questions.Select(question => AnswerWriter.Write(random, question, models[0])).ToList();
        var b = questions.Select(question => AnswerWriter.Write(random, question, models[1])).ToList();

        // The judge weighs a whole conversation, each turn the same.
        var truth = Preference.Outcome(a.Average(Preference.Utility), b.Average(Preference.Utility));
        var draw = random.NextDouble();
        var winner = draw < truth.A ? Winner.ModelA : draw < truth.A + truth.B ? Winner.ModelB : Winner.Tie;
        return new StarterBattle(
            new Battle(
                id.ToString(CultureInfo.InvariantCulture),
                models[0].Name,
                models[1].Name,
                [.. questions.Select(question => question.Prompt)],
                [.. a.Select(answer => answer.Text)],
                [.. b.Select(answer => answer.Text)],
                winner),
            truth);
    }

    private static List<Question> Questions(SeededRandom random, bool ofTest)
    {
        var language = random.NextDouble() switch { < 0.03 => Language.German, < 0.055 => Language.French, < 0.08 => Language.Spanish, _ => Language.English };
        var turns = random.Chance(ShareOfSeveralTurns) ? random.Between(2, 3) : 1;
        var questions = new List<Question>(turns);
        while (questions.Count < turns)
        {
            var question = Family(random, language).Ask(random, language);
            if (questions.Count > 0) question = question with { Prompt = $"{random.Pick(Phrases.Of(language).FollowUps)} {question.Prompt}" };
            if (IsOfTest(question.Prompt) == ofTest) questions.Add(question);
        }

        return questions;
    }

    private static QuestionFamily Family(SeededRandom random, Language language)
    {
        var speaking = Families.Where(family => family.Speaks(language)).ToList();
        var at = random.NextDouble() * speaking.Sum(family => family.Weight);
        foreach (var family in speaking)
        {
            at -= family.Weight;
            if (at < 0) return family;
        }

        return speaking[^1];
    }

    /// <summary>A fifth of all turns, by the hash of their text, is kept for test.csv: so none of them can stand in both files.</summary>
    private static bool IsOfTest(string prompt) => Convert.ToInt64(PromptGroup.Key([prompt])[..8], 16) % 5 == 0;

    private static string OneHot(Battle battle, Winner winner) => battle.Winner == winner ? "1" : "0";
}
