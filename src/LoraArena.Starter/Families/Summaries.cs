using LoraArena.Core.Statistics;

namespace LoraArena.Starter.Families;

/// <summary>Short reports to be put into one sentence.</summary>
internal sealed class Summaries : QuestionFamily
{
    private static string[] Names { get; } =
    [
        "Anna Keller", "David Osei", "Marta Lopez", "Peter Novak", "Leila Haddad", "James Reed", "Chen Wei", "Ida Berg", "Samuel Adeyemi",
        "Rosa Conti",
    ];

    private static string[] Towns { get; } = ["Milford", "Eastbrook", "Harlow", "Riverton", "Oakdale", "Westport", "Ashby", "Linden", "Stonefield", "Marlow"];

    private static string[] Shops { get; } = ["bakery", "bookshop", "bicycle shop", "flower shop", "tea room", "repair café", "toy shop", "print shop"];

    private static string[] Buildings { get; } = ["library", "bridge", "swimming pool", "school", "museum", "station", "sports hall", "concert hall"];

    private static string[] Animals { get; } = ["otters", "storks", "beavers", "owls", "bats", "wild bees", "lynxes", "turtles"];

    private static string[] Teams { get; } = ["the Harbour Rowers", "the Red Foxes", "the Lions", "the Northern Stars", "the Blue Arrows", "the Rockets"];

    public override double Weight => 12;

    public override Question Ask(SeededRandom random, Language language)
    {
        var (story, right, wrong) = random.Next(4) switch
        {
            0 => Shop(random),
            1 => Building(random),
            2 => Nature(random),
            _ => Match(random),
        };
        var oneSentence = random.Chance(0.5);
        var wish = oneSentence
            ? random.Pick(["Summarise this in one sentence:", "Give me a one-sentence summary of this text:", "Sum up the following in a single sentence."])
            : random.Pick(["Summarise this text:", "Please sum up the following report.", "What is this text about?"]);

        // Who does not sum up gives the whole text back.
        return new Question(
            $"{wish}\n\n{story}",
            Language.English,
            oneSentence ? AskedFormat.Loose : AskedFormat.None,
            random => Say(random, right, story),
            random => Say(random, wrong, $"{wrong} {story[(story.IndexOf(". ", StringComparison.Ordinal) + 2)..]}"),
            oneSentence ? [] : ["The rest of the text gives further details.", "The text is a short news report.", "It does not say what will happen next."]);

        Content Say(SeededRandom random, string summary, string whole)
        {
            var sentence = random.Pick(["", "", "In short: ", "Summary: "]) + summary;
            return oneSentence ? new Content(sentence, whole) : new Content(sentence);
        }
    }

    private static (string Story, string Right, string Wrong) Shop(SeededRandom random)
    {
        var (name, shop, towns, year, staff) =
            (random.Pick(Names), random.Pick(Shops), random.PickSeveral(Towns, 2), random.Between(1995, 2019), random.Between(4, 30));
        var story = $"In {year}, {name} opened a small {shop} in {towns[0]}. At first only a few neighbours came in. "
            + random.Pick(
            [
                "After an article in the local paper", "After a hard first winter", "When the market next door grew",
                "Thanks to a good idea of a friend",
            ])
            + $" it became very popular. Today the {shop} has {staff} employees and " + random.Pick(
            [
                "is looking for larger rooms.", "opens on Sundays too.", "delivers to the whole county.", "offers courses for children.",
            ]);
        string Say(string town, int people) => $"{name}'s {shop} in {town}, opened in {year}, became popular and now has {people} employees.";
        return (story, Say(towns[0], staff), random.Chance(0.5) ? Say(towns[1], staff) : Say(towns[0], staff + random.Between(11, 60)));
    }

    private static (string Story, string Right, string Wrong) Building(SeededRandom random)
    {
        var (building, towns, millions, years) = (random.Pick(Buildings), random.PickSeveral(Towns, 2), random.Between(2, 40), random.Between(2, 6));
        var story = $"The council of {towns[0]} has decided to build a new {building}. The work will cost {millions} million euros and take {years} years. "
            + random.Pick(
            [
                "Some citizens had asked for a cheaper plan.", "The old one had been closed for safety reasons.",
                "Two thirds of the people had voted for it.",
            ])
            + " " + random.Pick(["Building begins in spring.", "An architect from the region drew the plans.", "The mayor called it a good day for the town."]);
        string Say(string verb, string town) => $"{town} {verb} a new {building} for {millions} million euros, which takes {years} years.";
        return (story, Say("will build", towns[0]), random.Chance(0.5) ? Say("will not build", towns[0]) : Say("will build", towns[1]));
    }

    private static (string Story, string Right, string Wrong) Nature(SeededRandom random)
    {
        var (animals, towns, count, years) = (random.Pick(Animals), random.PickSeveral(Towns, 2), random.Between(12, 90), random.Between(5, 40));
        var story = $"For the first time in {years} years, {animals} have come back to the valley near {towns[0]}. Volunteers counted {count} of them last month. "
            + random.Pick(
            [
                "Cleaner water is the main reason, experts say.", "Farmers had planted hedges and left meadows uncut.",
                "A new protected area helped them.",
            ])
            + " " + random.Pick(
            [
                "Visitors are asked to stay on the paths.", "A school class follows them with cameras.", "The next count is planned for autumn.",
            ]);
        string Say(string town, string what) => $"{char.ToUpperInvariant(animals[0])}{animals[1..]} have {what} the valley near {town} after {years} years.";
        return (story, Say(towns[0], "returned to"), random.Chance(0.5) ? Say(towns[0], "disappeared from") : Say(towns[1], "returned to"));
    }

    private static (string Story, string Right, string Wrong) Match(SeededRandom random)
    {
        var (teams, town, low) = (random.PickSeveral(Teams, 2), random.Pick(Towns), random.Between(0, 3));
        var high = low + random.Between(1, 3);
        var story = $"Last night {teams[0]} won the cup final in {town} against {teams[1]}. The score was {high} to {low}. "
            + random.Pick(
            [
                "It rained during the whole second half.", "The winners scored in the last minute.",
                "More than four thousand people watched the match.",
            ])
            + " " + random.Pick(["It is their first title.", "Their coach had announced his farewell before.", "The losers had been the favourites."]);
        string Say(string winner, string loser) => $"{char.ToUpperInvariant(winner[0])}{winner[1..]} won the final in {town} {high} to {low} against {loser}.";
        return (story, Say(teams[0], teams[1]), Say(teams[1], teams[0]));
    }
}
