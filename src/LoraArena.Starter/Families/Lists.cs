using System.Globalization;
using LoraArena.Core.Statistics;

namespace LoraArena.Starter.Families;

/// <summary>Members of a category, as a list of a certain form.</summary>
internal sealed class Lists : QuestionFamily
{
    private static string[] Counts { get; } = ["zero", "one", "two", "three", "four", "five"];

    private static string[][] Categories { get; } = Draw.Table("""
        fruits|apple|pear|plum|cherry|banana|grape|peach|mango|lemon
        vegetables|carrot|onion|spinach|cabbage|pepper|leek|pumpkin|broccoli
        musical instruments|violin|piano|flute|drum|trumpet|guitar|harp|cello|oboe
        sports|football|tennis|rowing|boxing|judo|hockey|cycling|swimming
        tools|hammer|saw|drill|wrench|screwdriver|chisel|pliers|shovel
        drinks|tea|coffee|juice|water|milk|lemonade|cocoa
        trees|oak|birch|pine|maple|willow|beech|ash|cedar
        farm animals|cow|sheep|goat|pig|hen|horse|donkey|duck
        wild animals|lion|wolf|bear|tiger|elephant|giraffe|zebra|monkey
        school subjects|history|physics|music|biology|geography|chemistry|art
        pieces of furniture|table|chair|sofa|bed|shelf|wardrobe|desk
        clothes|shirt|coat|scarf|sock|skirt|hat|glove|jacket
        means of transport|bus|train|tram|bicycle|ferry|plane|taxi
        planets|Mars|Venus|Saturn|Jupiter|Neptune|Uranus|Mercury
        European rivers|Rhine|Danube|Seine|Thames|Elbe|Loire|Volga
        kitchen utensils|spoon|whisk|ladle|grater|pan|sieve|bowl
        flowers|rose|tulip|daisy|lily|violet|poppy|orchid
        metals|iron|gold|silver|copper|tin|zinc|nickel
        """);

    public override double Weight => 12;

    public override Question Ask(SeededRandom random, Language language)
    {
        var category = random.Pick(Categories);
        var count = random.Between(3, 5);
        var other = random.PickOther(Categories, category);
        var prompt = string.Format(
            CultureInfo.InvariantCulture,
            random.Pick(["Name {0} {1}.", "Can you list {0} {1}?", "I need {0} {1} for a quiz.", "Tell me {0} {1}, please.", "Give me {0} examples of {1}."]),
            Counts[count],
            category[0]);
        var (wish, format) = random.Next(7) switch
        {
            0 or 1 => (random.Pick([" Use a bullet list.", " Write one per line with a dash in front."]), AskedFormat.Loose),
            2 => (" Number them.", AskedFormat.Loose),
            3 => (random.Pick([" Separate them with commas and write nothing else.", " Only a comma separated list, please."]), AskedFormat.Strict),
            4 => (random.Pick([" Reply with a JSON array.", " Output a JSON list only."]), AskedFormat.Strict),
            _ => ("", AskedFormat.None),
        };
        return new Question(
            prompt + wish,
            Language.English,
            format,
            random => Say(random, random.PickSeveral(category[1..], count)),

            // Two are missing, or two belong elsewhere.
            random => Say(random, [.. random.PickSeveral(category[1..], count - 2), .. random.Chance(0.5) ? [] : random.PickSeveral(other[1..], 2)]),
            [
                $"There are many more {category[0]}.",
                "The first one is the best known.",
                "You can find all of them in a dictionary.",
                "Choose the ones you like best.",
                "I have left out the rarer ones.",
            ]);

        Content Say(SeededRandom random, string[] items) => new(Form(random, wish, items, category[0]), Sentence(random, items, category[0]));
    }

    private static string Form(SeededRandom random, string wish, string[] items, string category)
        => wish.Contains("JSON", StringComparison.Ordinal) ? $"[\"{string.Join("\", \"", items)}\"]"
            : wish.Contains("comma", StringComparison.Ordinal) ? string.Join(", ", items)
            : wish.Contains("Number", StringComparison.Ordinal) ? string.Join('\n', items.Select((item, i) => $"{i + 1}. {item}"))
            : wish.Length > 0 ? string.Join('\n', items.Select(item => $"- {item}"))
            : Sentence(random, items, category);

    private static string Sentence(SeededRandom random, string[] items, string category)
    {
        var all = items.Length == 1 ? items[0] : $"{string.Join(", ", items[..^1])} and {items[^1]}";
        return random.Pick([$"Some {category} are {all}.", $"You could take {all}.", $"Here are a few {category} that come to mind: {all}."]);
    }
}
