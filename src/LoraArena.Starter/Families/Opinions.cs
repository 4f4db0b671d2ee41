using System.Globalization;
using LoraArena.Core.Statistics;

namespace LoraArena.Starter.Families;

/// <summary>Questions of taste: a good answer weighs both sides, a bad one talks about something else.</summary>
internal sealed class Opinions : QuestionFamily
{
    /// <summary>Two things, and what speaks for each.</summary>
    private static string[][] Pairs { get; } = Draw.Table("""
        tea|coffee|is gentle on the stomach|wakes you up quickly
        cats|dogs|need less of your time|are loyal and like long walks
        the sea|the mountains|offers warm water and beaches|offer fresh air and wide views
        books|films|leave room for your imagination|tell a story in two hours
        summer|winter|has long and warm days|has snow and cosy evenings
        city life|country life|offers concerts and short ways|offers quiet and clean air
        trains|planes|take you from centre to centre|are fast over long distances
        cooking at home|eating out|is cheap and healthy|saves time and is fun with friends
        paper books|e-books|feel nice and need no power|weigh little and hold a whole library
        early mornings|late nights|are calm and productive|are free of calls and messages
        bicycles|cars|are cheap and keep you fit|carry more and keep you dry
        chess|card games|trains your planning|are easy to start and social
        working from home|working in an office|saves the way to work|makes it easy to talk to colleagues
        football|basketball|needs only a ball and a field|is fast and full of points
        chocolate|fruit|comforts you on a bad day|is sweet and full of vitamins
        painting|photography|lets you invent what you see|keeps a moment just as it was
        hotels|camping|are comfortable in any weather|is close to nature and cheap
        letters|emails|are personal and last for years|arrive at once
        pasta|rice|is ready in ten minutes|goes with almost every dish
        piano|guitar|can play melody and harmony together|is easy to carry with you
        gardens|balconies|give you room for trees|need little work
        spring|autumn|brings flowers and light|brings colours and harvest
        """);

    public override double Weight => 7;

    public override Question Ask(SeededRandom random, Language language)
    {
        var pair = random.Pick(Pairs);
        var other = random.PickOther(Pairs, pair);
        var prompt = string.Format(
            CultureInfo.InvariantCulture,
            random.Pick(
            [
                "What do you think is better, {0} or {1}?", "{0} or {1}? What is your opinion?", "Do you prefer {0} or {1}?",
                "Help me decide between {0} and {1}.",
            ]),
            pair[0],
            pair[1]);
        Content Say(SeededRandom random, string[] p) => new(random.Pick(
        [
            $"Both have their good sides: {p[0]} {p[2]}, while {p[1]} {p[3]}.",
            $"{Capital(p[0])} {p[2]}. On the other hand, {p[1]} {p[3]}. Choose what suits you.",
            $"If you like what {p[2]}, choose {p[0]}; if you like what {p[3]}, choose {p[1]}.",
        ]));
        return new Question(
            Capital(prompt),
            Language.English,
            AskedFormat.None,
            random => Say(random, pair),
            random => Say(random, other),
            [
                "In the end it is a matter of taste.",
                $"Many people enjoy both {pair[0]} and {pair[1]}.",
                "Why not try each of them for a week?",
                "It also depends on how much time and money you have.",
            ]);
    }

    private static string Capital(string text) => char.ToUpperInvariant(text[0]) + text[1..];
}
