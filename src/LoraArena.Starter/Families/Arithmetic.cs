using System.Globalization;
using LoraArena.Core.Statistics;

namespace LoraArena.Starter.Families;

/// <summary>Sums, differences, products and little stories about them.</summary>
internal sealed class Arithmetic : QuestionFamily
{
    private static string[] Names { get; } = Draw.Lines("""
        Mia
        Noah
        Lena
        Omar
        Sofia
        Ben
        Aisha
        Paul
        Yuki
        Carla
        Ivan
        Nora
        Tom
        Elif
        Hugo
        Ines
        """);

    private static string[] Things { get; } = Draw.Lines("""
        apples
        books
        stickers
        marbles
        coins
        pencils
        eggs
        cards
        tickets
        chairs
        shells
        stamps
        bottles
        roses
        """);

    public override double Weight => 12;

    public override bool Speaks(Language language) => true;

    public override Question Ask(SeededRandom random, Language language)
        => language == Language.English && random.Chance(0.45) ? Story(random) : Sum(random, language, language);

    /// <summary>A sum asked in one language, to be answered in another.</summary>
    public static Question Sum(SeededRandom random, Language asked, Language answered)
    {
        var (left, sign, right, result) = Draft(random);
        var sum = $"{left} {sign} {right}";
        var wrong = Miss(random, result);
        var (prompt, bare) = asked switch
        {
            Language.German => (random.Pick([$"Was ist {sum}?", $"Wie viel ergibt {sum}?", $"Bitte rechne {sum} aus."]), " Antworte nur mit der Zahl."),
            Language.French => (random.Pick(
            [
                $"Combien font {sum} ?", $"Calcule {sum}, s'il te plaît.", $"Quel est le résultat de {sum} ?",
            ]), " Réponds seulement par le nombre."),
            Language.Spanish => (random.Pick(
            [
                $"¿Cuánto es {sum}?", $"Calcula {sum}, por favor.", $"¿Cuál es el resultado de {sum}?",
            ]), " Responde solo con el número."),
            _ => (random.Pick(
            [
                $"What is {sum}?", $"Calculate {sum}.", $"How much is {sum}?", $"Please work out {sum} for me.",
                $"Can you tell me the result of {sum}?",
            ]), " Reply with the number only."),
        };
        string Say(SeededRandom random, Language language, int value)
        {
            var form = random.Next(3);
            return language switch
            {
                Language.German => form switch { 0 => $"{sum} = {value}.", 1 => $"Das Ergebnis ist {value}.", _ => $"{sum} ergibt {value}." },
                Language.French => form switch { 0 => $"{sum} = {value}.", 1 => $"Le résultat est {value}.", _ => $"{sum} font {value}." },
                Language.Spanish => form switch { 0 => $"{sum} = {value}.", 1 => $"El resultado es {value}.", _ => $"{sum} son {value}." },
                _ => form switch { 0 => $"{sum} = {value}.", 1 => $"The answer is {value}.", _ => $"{sum} equals {value}." },
            };
        }

        var strict = asked == answered && random.Chance(0.3);
        var abroad = answered == Language.English ? random.Pick([Language.German, Language.French, Language.Spanish]) : Language.English;
        return new Question(
            prompt + (strict ? bare : ""),
            answered,
            strict ? AskedFormat.Strict : AskedFormat.None,
            random => Number(strict, result, Say(random, answered, result)),
            random => Number(strict, wrong, Say(random, answered, wrong)),
            Details(answered, left, sign, right, result),
            $"{random.Pick(Phrases.Of(abroad).Openings)} {Say(random, abroad, result)}");
    }

    private static Question Story(SeededRandom random)
    {
        var names = random.PickSeveral(Names, 2);
        var (name, other, things) = (names[0], names[1], random.Pick(Things));
        var (has, change) = (random.Between(12, 80), random.Between(2, 11));
        var gains = random.Chance(0.5);
        var result = gains ? has + change : has - change;
        var wrong = random.Chance(0.5) ? (gains ? has - change : has + change) : Miss(random, result);
        var happens = gains
            ? random.Pick([$"buys {change} more", $"gets {change} more from {other}", $"finds {change} more"])
            : random.Pick([$"gives {change} of them to {other}", $"loses {change} of them", $"sells {change} of them"]);
        var strict = random.Chance(0.3);
        var prompt = $"{name} has {has} {things} and {happens}. How many {things} does {name} have now?";
        string Say(SeededRandom random, int value)
            => random.Pick(
            [
                $"{name} has {value} {things} now.", $"Now {name} has {value} {things}.", $"The answer is {value} {things}.",
                $"That makes {value} {things}.",
            ]);
        var steps = gains ? $"{has} + {change} = {result}" : $"{has} - {change} = {result}";
        return new Question(
            strict ? $"{prompt} Give me only the number." : prompt,
            Language.English,
            strict ? AskedFormat.Strict : AskedFormat.None,
            random => Number(strict, result, Say(random, result)),
            random => Number(strict, wrong, Say(random, wrong)),
            [$"At first there are {has}.", gains ? $"Then {change} are added." : $"Then {change} are taken away.", $"So the sum is {steps}."]);
    }

    private static (int Left, string Sign, int Right, int Result) Draft(SeededRandom random)
    {
        switch (random.Next(3))
        {
            case 0:
                var (a, b) = (random.Between(11, 99), random.Between(11, 99));
                return (a, "+", b, a + b);
            case 1:
                var (c, d) = (random.Between(50, 99), random.Between(11, 49));
                return (c, "-", d, c - d);
            default:
                var (e, f) = (random.Between(3, 12), random.Between(11, 25));
                return (e, "*", f, e * f);
        }
    }

    private static int Miss(SeededRandom random, int result)
    {
        var miss = random.Pick([1, 2, 10, 9, 3]);
        return random.Chance(0.5) || result <= miss ? result + miss : result - miss;
    }

    private static string[] Details(Language language, int left, string sign, int right, int result)
    {
        var check = sign switch { "+" => $"{result} - {right} = {left}", "-" => $"{result} + {right} = {left}", _ => $"{result} / {right} = {left}" };
        return language switch
        {
            Language.German => [$"Zur Probe: {check}."],
            Language.French => [$"Pour vérifier : {check}."],
            Language.Spanish => [$"Para comprobarlo: {check}."],
            _ => [$"You can check it: {check}.", $"I started with {left} and used {right}.", "You can do it in your head if you take it step by step."],
        };
    }

    private static Content Number(bool strict, int value, string sentence)
        => strict ? new Content(value.ToString(CultureInfo.InvariantCulture), sentence) : new Content(sentence);
}
