using System.Globalization;
using LoraArena.Core.Statistics;

namespace LoraArena.Starter.Families;

/// <summary>Messages to be written, and tips.</summary>
internal sealed class Requests : QuestionFamily
{
    private static string[] Names { get; } =
    [
        "Mr Brown", "Ms Garcia", "Laura", "Daniel", "Mrs Schmidt", "Kofi", "Amelie", "Dr Singh", "Julia", "Mr Tanaka", "Maria", "Alex",
    ];

    private static string[] Days { get; } = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

    private static string[] Gifts { get; } =
    [
        "the book", "the flowers", "your help with the move", "the concert ticket", "the cake", "the lovely scarf", "the dinner last week",
        "your advice",
    ];

    private static string[] Orders { get; } =
    [
        "a lamp", "a pair of shoes", "a coffee machine", "two chairs", "a printer", "a garden hose", "a winter coat", "a set of plates",
    ];

    private static string[] Noises { get; } =
    [
        "the loud music", "the noise of the party", "the barking of my dog", "the drilling on Sunday", "the piano practice",
    ];

    /// <summary>Topic, then tips.</summary>
    private static string[][] Tips { get; } = Draw.Table("""
        sleeping better|Go to bed at the same time every day.|Keep your bedroom dark and cool.|Put your phone away an hour before.|Avoid coffee in the afternoon.
        learning a language|Practise a little every day.|Listen to songs and radio.|Learn whole sentences, not single words.|Speak with native speakers.
        saving money|Write down what you spend.|Cook at home more often.|Set aside a fixed sum each month.|Compare prices before you buy.
        growing tomatoes|Give the plants a sunny place.|Water the soil, not the leaves.|Tie the stems to a stick.|Remove the side shoots.
        a job interview|Read about the company beforehand.|Be on time.|Prepare examples of your work.|Ask questions at the end.
        packing a suitcase|Make a list first.|Roll your clothes.|Put heavy things at the bottom.|Leave some room for gifts.
        cooking rice|Rinse the rice first.|Use twice as much water as rice.|Keep the lid on.|Let it rest for five minutes.
        staying healthy|Walk every day.|Eat fruit and vegetables.|Drink enough water.|Get enough sleep.
        giving a speech|Practise aloud.|Look at your audience.|Start with a short story.|Speak slowly and make pauses.
        keeping a cat|Play with it every day.|Clean the litter box often.|Give it fresh water.|See a vet once a year.
        taking photos|Use soft light.|Hold the camera steady.|Get close to your subject.|Try several angles.
        starting to run|Begin with short distances.|Buy good shoes.|Rest between training days.|Run slowly enough to talk.
        learning the guitar|Tune it before you play.|Start with three simple chords.|Practise changes slowly.|Play along with songs you like.
        reading more books|Always carry a book with you.|Read ten pages before sleeping.|Stop reading books that bore you.|Join a reading group.
        """);

    public override double Weight => 13;

    public override Question Ask(SeededRandom random, Language language) => random.Next(5) switch
    {
        0 => MoveMeeting(random),
        1 => Thanks(random),
        2 => Complaint(random),
        3 => Apology(random),
        _ => Advice(random),
    };

    private static Question MoveMeeting(SeededRandom random)
    {
        var (names, days) = (random.PickSeveral(Names, 2), random.PickSeveral(Days, 3));
        string[] reasons = ["I have to see a doctor", "my train was cancelled", "I am ill", "there is another appointment", "our visitors come early"];
        var prompt = random.Pick(
        [
            "Write a short email to", "Please write a message to", "Help me write a polite mail to",
        ]) + $" {names[0]} to move our meeting from {days[0]} to {days[1]}.";
        string Say(SeededRandom random, string name, string to)
            => $"Dear {name},\n\nunfortunately {random.Pick(reasons)} on {days[0]}. "
                + random.Pick([$"Could we meet on {to} instead?", $"Would {to} be possible for you?", $"May I suggest {to}?"])
                + $"\n\n{random.Pick(["Best regards", "Kind regards", "Many thanks and best wishes"])}";
        return Message(
            prompt, random => Say(random, names[0], days[1]),
            random => random.Chance(0.5) ? Say(random, names[0], days[2]) : Say(random, names[1], days[1]));
    }

    private static Question Thanks(SeededRandom random)
    {
        var (name, gifts) = (random.Pick(Names), random.PickSeveral(Gifts, 2));
        var prompt = random.Pick(["Write a thank-you note to", "Please write a few words of thanks to", "I want to thank"]) + $" {name} for {gifts[0]}.";
        string[] kinds = ["It made me very happy.", "That was very kind of you.", "I did not expect it at all.", "You really made my day."];
        string Say(SeededRandom random, string gift)
            => $"Dear {name},\n\n{random.Pick(["thank you so much for", "many thanks for", "I would like to thank you for"])} {gift}! {random.Pick(kinds)}\n\n"
                + random.Pick(["Warm regards", "Yours", "See you soon"]);
        return Message(prompt, random => Say(random, gifts[0]), random => Say(random, gifts[1]));
    }

    private static Question Complaint(SeededRandom random)
    {
        var (orders, number) = (random.PickSeveral(Orders, 2), random.Between(10000, 99999));
        var fault = random.Pick(["arrived broken", "has not arrived yet", "has the wrong colour", "is too small", "does not work"]);
        var prompt = $"I ordered {orders[0]} (order {number}) and it {fault}. " + random.Pick(
        [
            "Write a complaint for me.", "Please draft a message to the shop.", "What should I write to the shop?",
        ]);
        string[] wishes = ["Please send me a new one.", "Please give me my money back.", "Please tell me what I can do."];
        string Say(SeededRandom random, string order)
            => $"Hello,\n\nI ordered {order} with order number {number}. It {fault}. {random.Pick(wishes)}\n\n{random.Pick(["Kind regards", "Regards", "Yours faithfully"])}";
        return Message(prompt, random => Say(random, orders[0]), random => Say(random, orders[1]));
    }

    private static Question Apology(SeededRandom random)
    {
        var noises = random.PickSeveral(Noises, 2);
        var prompt = random.Pick(["Write a note to my neighbours to say sorry for", "I need a short apology to the neighbours for"]) + $" {noises[0]}.";
        string[] promises =
        [
            "It will not happen again.", "I will be more careful from now on.", "I will bring you a cake.",
            "Please call me if it disturbs you again.",
        ];
        string Say(SeededRandom random, string noise)
            => $"Dear neighbours,\n\n{random.Pick(["please excuse", "I am sorry for", "I would like to apologise for"])} {noise}. {random.Pick(promises)}\n\n"
                + random.Pick(["Your neighbour from the second floor", "Your neighbour", "Best wishes from next door"]);
        return Message(prompt, random => Say(random, noises[0]), random => Say(random, noises[1]));
    }

    private static Question Advice(SeededRandom random)
    {
        var topic = random.Pick(Tips);
        var other = random.PickOther(Tips, topic);
        var count = random.Between(2, 3);
        var bullets = random.Chance(0.5);
        var prompt = random.Pick(["Give me {0} tips for {1}.", "Do you have {0} tips for {1}?", "I would like {0} pieces of advice on {1}."]);
        return new Question(
            string.Format(CultureInfo.InvariantCulture, prompt, count == 2 ? "two" : "three", topic[0]) + (bullets ? " Use bullet points." : ""),
            Language.English,
            bullets ? AskedFormat.Loose : AskedFormat.None,
            random => Say(random.PickSeveral(topic[1..], count)),
            random => Say(random.PickSeveral(other[1..], count)),
            [
                "Be patient with yourself.",
                "Small steps are enough at the start.",
                "After a few weeks it becomes a habit.",
                "Ask a friend to join you, that makes it easier.",
            ]);

        Content Say(string[] tips)
        {
            var text = string.Join(' ', tips);
            return bullets ? new Content(string.Join('\n', tips.Select(tip => $"- {tip}")), text) : new Content(text);
        }
    }

    private static Question Message(string prompt, Func<SeededRandom, string> right, Func<SeededRandom, string> wrong)
        => new(
            prompt,
            Language.English,
            AskedFormat.None,
            random => new Content(right(random)),
            random => new Content(wrong(random)),
            ["You can change the wording as you like.", "I kept it short and friendly.", "Add your name at the end before you send it."]);
}
