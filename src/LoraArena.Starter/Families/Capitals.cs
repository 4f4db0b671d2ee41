using System.Globalization;
using LoraArena.Core.Statistics;

namespace LoraArena.Starter.Families;

/// <summary>Capital cities, asked in four languages.</summary>
internal sealed class Capitals : QuestionFamily
{
    /// <summary>Country and capital in English, German, French and Spanish.</summary>
    private static string[][] Countries { get; } = Draw.Table("""
        France|Paris|Frankreich|Paris|la France|Paris|Francia|París
        Italy|Rome|Italien|Rom|l'Italie|Rome|Italia|Roma
        Spain|Madrid|Spanien|Madrid|l'Espagne|Madrid|España|Madrid
        Germany|Berlin|Deutschland|Berlin|l'Allemagne|Berlin|Alemania|Berlín
        Portugal|Lisbon|Portugal|Lissabon|le Portugal|Lisbonne|Portugal|Lisboa
        Austria|Vienna|Österreich|Wien|l'Autriche|Vienne|Austria|Viena
        Poland|Warsaw|Polen|Warschau|la Pologne|Varsovie|Polonia|Varsovia
        Greece|Athens|Griechenland|Athen|la Grèce|Athènes|Grecia|Atenas
        Sweden|Stockholm|Schweden|Stockholm|la Suède|Stockholm|Suecia|Estocolmo
        Norway|Oslo|Norwegen|Oslo|la Norvège|Oslo|Noruega|Oslo
        Finland|Helsinki|Finnland|Helsinki|la Finlande|Helsinki|Finlandia|Helsinki
        Denmark|Copenhagen|Dänemark|Kopenhagen|le Danemark|Copenhague|Dinamarca|Copenhague
        Ireland|Dublin|Irland|Dublin|l'Irlande|Dublin|Irlanda|Dublín
        Belgium|Brussels|Belgien|Brüssel|la Belgique|Bruxelles|Bélgica|Bruselas
        Hungary|Budapest|Ungarn|Budapest|la Hongrie|Budapest|Hungría|Budapest
        Romania|Bucharest|Rumänien|Bukarest|la Roumanie|Bucarest|Rumania|Bucarest
        Bulgaria|Sofia|Bulgarien|Sofia|la Bulgarie|Sofia|Bulgaria|Sofía
        Croatia|Zagreb|Kroatien|Zagreb|la Croatie|Zagreb|Croacia|Zagreb
        Turkey|Ankara|Türkei|Ankara|la Turquie|Ankara|Turquía|Ankara
        Egypt|Cairo|Ägypten|Kairo|l'Égypte|Le Caire|Egipto|El Cairo
        Kenya|Nairobi|Kenia|Nairobi|le Kenya|Nairobi|Kenia|Nairobi
        Morocco|Rabat|Marokko|Rabat|le Maroc|Rabat|Marruecos|Rabat
        Japan|Tokyo|Japan|Tokio|le Japon|Tokyo|Japón|Tokio
        China|Beijing|China|Peking|la Chine|Pékin|China|Pekín
        India|New Delhi|Indien|Neu-Delhi|l'Inde|New Delhi|India|Nueva Delhi
        Thailand|Bangkok|Thailand|Bangkok|la Thaïlande|Bangkok|Tailandia|Bangkok
        Vietnam|Hanoi|Vietnam|Hanoi|le Vietnam|Hanoï|Vietnam|Hanói
        Canada|Ottawa|Kanada|Ottawa|le Canada|Ottawa|Canadá|Ottawa
        Mexico|Mexico City|Mexiko|Mexiko-Stadt|le Mexique|Mexico|México|Ciudad de México
        Cuba|Havana|Kuba|Havanna|Cuba|La Havane|Cuba|La Habana
        Brazil|Brasilia|Brasilien|Brasília|le Brésil|Brasilia|Brasil|Brasilia
        Argentina|Buenos Aires|Argentinien|Buenos Aires|l'Argentine|Buenos Aires|Argentina|Buenos Aires
        Chile|Santiago|Chile|Santiago|le Chili|Santiago|Chile|Santiago
        Peru|Lima|Peru|Lima|le Pérou|Lima|Perú|Lima
        Colombia|Bogota|Kolumbien|Bogotá|la Colombie|Bogota|Colombia|Bogotá
        Australia|Canberra|Australien|Canberra|l'Australie|Canberra|Australia|Canberra
        New Zealand|Wellington|Neuseeland|Wellington|la Nouvelle-Zélande|Wellington|Nueva Zelanda|Wellington
        Iceland|Reykjavik|Island|Reykjavík|l'Islande|Reykjavik|Islandia|Reikiavik
        Ukraine|Kyiv|Ukraine|Kiew|l'Ukraine|Kiev|Ucrania|Kiev
        South Korea|Seoul|Südkorea|Seoul|la Corée du Sud|Séoul|Corea del Sur|Seúl
        """);

    public override double Weight => 12;

    public override bool Speaks(Language language) => true;

    public override Question Ask(SeededRandom random, Language language) => Ask(random, language, language);

    /// <summary>A question asked in one language, to be answered in another.</summary>
    public static Question Ask(SeededRandom random, Language asked, Language answered)
    {
        var country = random.Pick(Countries);
        var wrong = random.PickOther(Countries, country);
        var prompt = asked switch
        {
            Language.German => random.Pick(
            [
                "Wie heißt die Hauptstadt dieses Landes: {0}?", "Welche Stadt ist die Hauptstadt? Land: {0}.", "{0}: Wie heißt die Hauptstadt?",
            ]),
            Language.French => random.Pick(
            [
                "Quelle est la capitale de ce pays : {0} ?", "Peux-tu me dire la capitale ? Le pays est {0}.", "{0} : quelle est sa capitale ?",
            ]),
            Language.Spanish => random.Pick(["¿Cuál es la capital de {0}?", "¿Qué ciudad es la capital de {0}?", "Dime la capital de {0}, por favor."]),
            _ => random.Pick(
            [
                "What is the capital of {0}?", "Which city is the capital of {0}?", "Please tell me the capital of {0}.",
                "I am learning about {0}. What is its capital?", "Name the capital city of {0}.",
            ]),
        };
        var (bare, strict) = asked != answered ? ("", false) : asked switch
        {
            Language.German => (" Antworte mit einem Wort.", random.Chance(0.3)),
            Language.French => (" Réponds en un mot.", random.Chance(0.3)),
            Language.Spanish => (" Responde con una palabra.", random.Chance(0.3)),
            _ => (random.Pick([" Answer in one word.", " Only the name, please.", " Just the city, nothing else."]), random.Chance(0.35)),
        };
        var abroad = answered == Language.English ? random.Pick([Language.German, Language.French, Language.Spanish]) : Language.English;
        return new Question(
            string.Format(CultureInfo.InvariantCulture, prompt, Country(country, asked)) + (strict ? bare : ""),
            answered,
            strict ? AskedFormat.Strict : AskedFormat.None,
            random => Name(random, country),
            random => Name(random, wrong),
            answered != Language.English ? [] :
            [
                $"{City(country, answered)} is where the government of {Country(country, answered)} sits.",
                $"Many visitors of {Country(country, answered)} start their trip there.", "The city has many old buildings and museums.",
                $"Do not mix it up with other large cities of {Country(country, answered)}.",
            ],
            Say(abroad, country, country, random.Next(3)));

        Content Name(SeededRandom random, string[] capital)
        {
            var sentence = Say(answered, country, capital, random.Next(3));
            return strict ? new Content(City(capital, answered), sentence) : new Content(sentence);
        }
    }

    private static string Say(Language language, string[] country, string[] capital, int form)
    {
        var (name, city) = (Country(country, language), City(capital, language));
        return language switch
        {
            Language.German => form switch { 0 => $"Die Hauptstadt ist {city}.", 1 => $"{city} ist die Hauptstadt dieses Landes.", _ => $"Land: {name}, Hauptstadt: {city}." },
            Language.French => form switch { 0 => $"La capitale est {city}.", 1 => $"{city} est la capitale de ce pays.", _ => $"Pour {name}, c'est {city}." },
            Language.Spanish => form switch { 0 => $"La capital es {city}.", 1 => $"{city} es la capital de {name}.", _ => $"La capital de {name} es {city}." },
            _ => form switch { 0 => $"The capital of {name} is {city}.", 1 => $"{city} is the capital of {name}.", _ => $"It is {city}." },
        };
    }

    private static string Country(string[] row, Language language) => row[2 * (int)language];

    private static string City(string[] row, Language language) => row[(2 * (int)language) + 1];
}
