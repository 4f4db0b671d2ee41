using System.Globalization;
using LoraArena.Core.Statistics;

namespace LoraArena.Starter.Families;

/// <summary>Little facts, often asked for in a certain form.</summary>
internal sealed class Facts : QuestionFamily
{
    private static Table[] Tables { get; } =
    [
        new(
            ["What is the chemical symbol for {0}?", "Which symbol does {0} have in the periodic table?", "How is {0} written in chemistry?"],
            ["The chemical symbol for {0} is {1}.", "{0} has the symbol {1}."],
            [
                "Symbols have one or two letters.",
                "You find it in the periodic table.",
                "Some symbols come from the Latin name of the element.",
                "Chemists all over the world use the same symbols.",
            ],
            """
            gold|Au
            silver|Ag
            iron|Fe
            copper|Cu
            lead|Pb
            tin|Sn
            zinc|Zn
            sodium|Na
            potassium|K
            calcium|Ca
            oxygen|O
            hydrogen|H
            helium|He
            neon|Ne
            carbon|C
            nitrogen|N
            mercury|Hg
            nickel|Ni
            """),
        new(
            ["What is the opposite of \"{0}\"?", "Which word means the contrary of \"{0}\"?", "Tell me an antonym of \"{0}\"."],
            ["The opposite of \"{0}\" is \"{1}\".", "\"{1}\" is the opposite of \"{0}\"."],
            [
                "Opposites are useful when you learn new words.",
                "Both words are adjectives.",
                "It helps to learn the two words together.",
                "Try to use each of them in a sentence.",
            ],
            """
            hot|cold
            big|small
            early|late
            loud|quiet
            heavy|light
            rich|poor
            clean|dirty
            wet|dry
            full|empty
            young|old
            brave|cowardly
            narrow|wide
            sharp|blunt
            cheap|expensive
            deep|shallow
            polite|rude
            simple|complicated
            smooth|rough
            strong|weak
            true|false
            """),
        new(
            ["What is a baby {0} called?", "What do you call the young of a {0}?", "Which word is used for a young {0}?"],
            ["A baby {0} is called a {1}.", "The young of a {0} is a {1}."],
            [
                "It stays with its mother at first.",
                "Many animals have a special word for their young.",
                "After some time it looks for food on its own.",
                "Children often see one on a farm or in a zoo.",
            ],
            """
            dog|puppy
            cat|kitten
            cow|calf
            horse|foal
            sheep|lamb
            goat|kid
            pig|piglet
            duck|duckling
            goose|gosling
            hen|chick
            bear|cub
            kangaroo|joey
            deer|fawn
            swan|cygnet
            frog|tadpole
            owl|owlet
            """),
        new(
            ["Who wrote \"{0}\"?", "Which author wrote the book \"{0}\"?", "Tell me the author of \"{0}\"."],
            ["\"{0}\" was written by {1}.", "The author of \"{0}\" is {1}."],
            [
                "It is read in many schools.",
                "The book has been translated into many languages.",
                "There is at least one film of it.",
                "You will find it in every large library.",
            ],
            """
            Hamlet|Shakespeare
            Faust|Goethe
            Emma|Austen
            Oliver Twist|Dickens
            War and Peace|Tolstoy
            The Trial|Kafka
            Ulysses|Joyce
            Animal Farm|Orwell
            Don Quixote|Cervantes
            The Odyssey|Homer
            Frankenstein|Shelley
            Dracula|Stoker
            Moby Dick|Melville
            The Time Machine|Wells
            Peter Pan|Barrie
            Candide|Voltaire
            Jane Eyre|Brontë
            """),
        new(
            ["What is the plural of \"{0}\"?", "How do you write more than one \"{0}\"?", "Give me the plural form of \"{0}\"."],
            ["The plural of \"{0}\" is \"{1}\".", "One {0}, two {1}."],
            [
                "It is an irregular noun.",
                "You have to learn this form by heart.",
                "Most other nouns just take an -s.",
                "Even children who grow up with English get it wrong at first.",
            ],
            """
            mouse|mice
            child|children
            foot|feet
            tooth|teeth
            man|men
            woman|women
            goose|geese
            leaf|leaves
            knife|knives
            wolf|wolves
            ox|oxen
            person|people
            cactus|cacti
            crisis|crises
            half|halves
            loaf|loaves
            """),
        new(
            ["What is the past tense of \"{0}\"?", "How do you write \"{0}\" in the past?", "Yesterday I ... Which form of \"{0}\" fits?"],
            ["The past tense of \"{0}\" is \"{1}\".", "Yesterday I {1}: that is the past of \"{0}\"."],
            [
                "It is an irregular verb.", "Regular verbs would end in -ed.", "Practise it in a few short sentences.",
                "There are about two hundred verbs of this kind.",
            ],
            """
            go|went
            see|saw
            take|took
            write|wrote
            buy|bought
            sing|sang
            drink|drank
            fly|flew
            swim|swam
            think|thought
            bring|brought
            teach|taught
            break|broke
            speak|spoke
            eat|ate
            run|ran
            sleep|slept
            give|gave
            """),
        new(
            ["Which continent is {0} on?", "On which continent do you find {0}?", "{0}: which continent is that?"],
            ["{0} is in {1}.", "You find it in {1}."],
            [
                "A map of the world shows it.",
                "Many people live there.",
                "An atlas tells you more about its neighbours.",
                "The journey from here takes several hours by plane.",
            ],
            """
            Nigeria|Africa
            Ghana|Africa
            Kenya|Africa
            Peru|America
            Canada|America
            Brazil|America
            Japan|Asia
            Nepal|Asia
            Mongolia|Asia
            Norway|Europe
            Latvia|Europe
            Portugal|Europe
            Fiji|Oceania
            Samoa|Oceania
            """),
        new(
            ["What colour do you get when you mix {0}?", "Which colour do {0} make together?", "I am painting. What do I get from {0}?"],
            ["{0} make {1}.", "If you mix {0}, you get {1}."],
            [
                "Use a little of each and stir well.",
                "The shade depends on the amounts.",
                "Try it on a piece of paper first.",
                "A drop of white makes the colour lighter.",
            ],
            """
            red and yellow|orange
            blue and yellow|green
            red and blue|purple
            black and white|grey
            red and white|pink
            red and green|brown
            """),
        new(
            ["What does a {0} do?", "What is the job of a {0}?", "I met a {0} today. What do people in this job do?"],
            ["A {0} {1}.", "The job of a {0}: a {0} {1}."],
            [
                "It takes years to learn the job.",
                "It is a job that needs care.",
                "Good people in this job are always wanted.",
                "The day often starts early in the morning.",
            ],
            """
            baker|makes bread
            pilot|flies planes
            farmer|grows food
            tailor|sews clothes
            teacher|teaches pupils
            nurse|cares for patients
            plumber|repairs pipes
            judge|decides in court
            cook|prepares meals
            painter|paints walls
            dentist|treats teeth
            gardener|tends plants
            librarian|lends books
            carpenter|works with wood
            """),
        new(
            ["Which instrument measures {0}?", "What do you use to measure {0}?", "How is {0} measured, with which device?"],
            ["You measure {0} with a {1}.", "A {1} measures {0}."],
            [
                "It has a scale that you read.",
                "You should check it from time to time.",
                "Cheap ones are good enough for use at home.",
                "The first of its kind was built hundreds of years ago.",
            ],
            """
            temperature|thermometer
            time|clock
            weight|balance
            air pressure|barometer
            length|ruler
            direction|compass
            speed|speedometer
            earthquakes|seismograph
            humidity|hygrometer
            angles|protractor
            """),
    ];

    public override double Weight => 18;

    public override Question Ask(SeededRandom random, Language language)
    {
        var table = random.Pick(Tables);
        var entry = random.Pick(table.Entries);
        var (key, right) = (entry[0], entry[1]);
        var wrong = random.PickOther(table.Answers, right);
        var prompt = Fill(random.Pick(table.Questions), key);
        var oneWord = !right.Contains(' ', StringComparison.Ordinal);
        var (wish, format, form) = random.Next(10) switch
        {
            0 or 1 when oneWord => (random.Pick(
            [
                " Answer in one word.", " One word only, please.", " Reply with a single word and nothing else.",
            ]), AskedFormat.Strict, (Func<string, string>)(a => a)),
            2 or 3 => (random.Pick(
            [
                " Reply as JSON with the key \"answer\".", " Answer with a JSON object {\"answer\": ...}.", " Give me JSON only, key \"answer\".",
            ]), AskedFormat.Strict, a => $"{{\"answer\": \"{a}\"}}"),
            4 => (random.Pick([" Answer in capital letters.", " Write only the answer, all in capitals."]), AskedFormat.Strict, a => a.ToUpperInvariant()),
            5 => (random.Pick([" Start your answer with \"Answer:\".", " Begin with the word \"Answer:\"."]), AskedFormat.Strict, a => $"Answer: {a}"),
            _ => ("", AskedFormat.None, (Func<string, string>?)null),
        };
        return new Question(
            prompt + wish,
            Language.English,
            format,
            random => Say(random, right),
            random => Say(random, wrong),
            table.Details);

        Content Say(SeededRandom random, string answer)
        {
            var sentence = Sentence(random.Pick(table.Sentences), key, answer);
            return form is null ? new Content(sentence) : new Content(form(answer), sentence);
        }
    }

    private static string Fill(string pattern, params string[] values) => string.Format(CultureInfo.InvariantCulture, pattern, values);

    private static string Sentence(string pattern, string key, string answer)
    {
        var sentence = Fill(pattern, key, answer);
        return char.ToUpperInvariant(sentence[0]) + sentence[1..];
    }

    /// <summary>Facts of one kind.</summary>
    /// <param name="questions">Ways to ask; {0} is the key.</param>
    /// <param name="sentences">Ways to answer; {1} is the answer.</param>
    /// <param name="details">What may be added.</param>
    /// <param name="entries">Lines of key and answer.</param>
    private sealed class Table(string[] questions, string[] sentences, string[] details, string entries)
    {
        public string[] Questions => questions;

        public string[] Sentences => sentences;

        public string[] Details => details;

        public string[][] Entries { get; } = Draw.Table(entries);

        public string[] Answers { get; } = [.. Draw.Table(entries).Select(entry => entry[1]).Distinct()];
    }
}
