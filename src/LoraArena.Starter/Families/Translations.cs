using LoraArena.Core.Statistics;

namespace LoraArena.Starter.Families;

/// <summary>Words and phrases to be translated from English.</summary>
internal sealed class Translations : QuestionFamily
{
    private static string[][] Words { get; } = Draw.Table("""
        bread|Brot|pain|pan
        water|Wasser|eau|agua
        house|Haus|maison|casa
        tree|Baum|arbre|árbol
        dog|Hund|chien|perro
        cat|Katze|chat|gato
        book|Buch|livre|libro
        school|Schule|école|escuela
        milk|Milch|lait|leche
        cheese|Käse|fromage|queso
        apple|Apfel|pomme|manzana
        sun|Sonne|soleil|sol
        moon|Mond|lune|luna
        window|Fenster|fenêtre|ventana
        door|Tür|porte|puerta
        table|Tisch|table|mesa
        chair|Stuhl|chaise|silla
        street|Straße|rue|calle
        town|Stadt|ville|ciudad
        bridge|Brücke|pont|puente
        river|Fluss|fleuve|río
        mountain|Berg|montagne|montaña
        sea|Meer|mer|mar
        fish|Fisch|poisson|pescado
        bird|Vogel|oiseau|pájaro
        flower|Blume|fleur|flor
        garden|Garten|jardin|jardín
        kitchen|Küche|cuisine|cocina
        spoon|Löffel|cuillère|cuchara
        knife|Messer|couteau|cuchillo
        hand|Hand|main|mano
        heart|Herz|cœur|corazón
        friend|Freund|ami|amigo
        brother|Bruder|frère|hermano
        sister|Schwester|sœur|hermana
        winter|Winter|hiver|invierno
        summer|Sommer|été|verano
        morning|Morgen|matin|mañana
        evening|Abend|soir|tarde
        week|Woche|semaine|semana
        key|Schlüssel|clé|llave
        letter|Brief|lettre|carta
        doctor|Arzt|médecin|médico
        train|Zug|train|tren
        good morning|guten Morgen|bonjour|buenos días
        good night|gute Nacht|bonne nuit|buenas noches
        thank you very much|vielen Dank|merci beaucoup|muchas gracias
        see you tomorrow|bis morgen|à demain|hasta mañana
        how are you|wie geht es dir|comment ça va|cómo estás
        I am hungry|ich habe Hunger|j'ai faim|tengo hambre
        I am tired|ich bin müde|je suis fatigué|estoy cansado
        where is the station|wo ist der Bahnhof|où est la gare|dónde está la estación
        happy birthday|alles Gute zum Geburtstag|joyeux anniversaire|feliz cumpleaños
        the bill, please|die Rechnung, bitte|l'addition, s'il vous plaît|la cuenta, por favor
        """);

    public override double Weight => 10;

    public override Question Ask(SeededRandom random, Language language)
    {
        var target = random.Pick([Language.German, Language.French, Language.Spanish]);
        var row = random.Pick(Words);
        var (word, right) = (row[0], row[(int)target]);
        var wrong = random.Chance(0.3)
            ? row[(int)random.PickOther([Language.German, Language.French, Language.Spanish], target)]
            : random.PickOther(Words, row)[(int)target];
        if (wrong == right) wrong = Words[0][(int)target] == right ? Words[1][(int)target] : Words[0][(int)target];
        var prompt = random.Pick(
        [
            $"How do you say \"{word}\" in {target}?", $"Translate \"{word}\" into {target}.", $"What is \"{word}\" in {target}?",
            $"Please translate into {target}: {word}",
        ]);
        var strict = random.Chance(0.35);
        return new Question(
            strict ? prompt + random.Pick([" Give only the translation.", " Write nothing but the translation.", " Only the translation, please."]) : prompt,
            Language.English,
            strict ? AskedFormat.Strict : AskedFormat.None,
            random => Say(random, right),
            random => Say(random, wrong),
            [
                $"It is a common {(word.Contains(' ', StringComparison.Ordinal) ? "phrase" : "word")} in {target}.",
                "Listen to a native speaker to learn how it sounds.", $"You will need it on your first day in a place where {target} is spoken.",
                "Write it on a card and repeat it tomorrow.",
            ]);

        Content Say(SeededRandom random, string translation)
        {
            var sentence = random.Pick(
            [
                $"\"{word}\" is \"{translation}\" in {target}.",
                $"In {target} you say \"{translation}\".",
                $"The {target} translation of \"{word}\" is \"{translation}\".",
            ]);
            return strict ? new Content(translation, sentence) : new Content(sentence);
        }
    }
}
