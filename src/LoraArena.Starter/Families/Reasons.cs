using LoraArena.Core.Statistics;

namespace LoraArena.Starter.Families;

/// <summary>Why things are as they are.</summary>
internal sealed class Reasons : QuestionFamily
{
    /// <summary>Question, right reason, and one that is plainly wrong.</summary>
    private static string[][] English { get; } = Draw.Table("""
        is the sky blue|Air scatters blue light more than red light, so blue reaches us from everywhere.|The sky mirrors the blue colour of the sea.
        do leaves turn red in autumn|Trees break down the green chlorophyll, and other colours become visible.|The cold wind paints the leaves red.
        does ice float on water|Water expands when it freezes, so ice is lighter than the same amount of water.|Ice is made of a different material that is full of air.
        do we have day and night|The Earth turns once a day, so each side faces the Sun and then the dark.|The Sun goes round the Earth once a day.
        is sea water salty|Rivers wash salts out of rocks and carry them into the sea, where they stay.|Fish give off salt when they swim.
        do onions make us cry|Cutting an onion sets free a gas that stings our eyes.|Onions are sad vegetables and we feel it.
        does the moon change its shape|We see different parts of its sunlit half while it goes round the Earth.|Clouds cover parts of the moon.
        do birds fly south in winter|They find more food in warm places when it is cold here.|They want to see other countries.
        does bread rise|Yeast makes a gas that forms bubbles in the dough.|The heat of the oven pulls the dough upwards.
        do we yawn|Yawning may cool the brain and happens when we are tired or bored.|Yawning fills the stomach with air.
        do cats purr|They purr when they feel well, and sometimes to calm themselves.|They purr because they have a cold.
        is the desert cold at night|There are hardly any clouds to hold the warmth, so it escapes into the sky.|The sand makes cold when it is dark.
        do we see lightning before thunder|Light travels much faster than sound.|Thunder is made by a second lightning.
        does metal feel colder than wood|Metal carries the warmth of your hand away more quickly.|Metal is always colder than the room.
        do plants need light|They use the energy of light to make sugar from water and air.|They need light to see where to grow.
        do we sneeze|The body blows dust and germs out of the nose.|The nose wants to change its shape.
        is snow white|Its many crystals reflect all colours of the light together.|Snow is painted by the clouds.
        do stars twinkle|Moving air bends their light a little on its way to us.|Stars are switched on and off.
        does the sea have tides|The Moon pulls at the water, and the Sun helps.|Big ships push the water to the shore.
        do we need sleep|The body repairs itself and the brain sorts what it has learned.|Sleep keeps our shoes from wearing out.
        do bees visit flowers|They collect nectar and pollen as food.|They look for a place to sleep.
        does iron rust|Iron reacts with oxygen and water.|Iron rusts when it gets bored.
        do balloons with helium rise|Helium is lighter than the air around it.|Helium is hot and wants to go up.
        do we get goose bumps|Small muscles raise our hairs when we are cold or moved.|Geese have touched our skin.
        """);

    private static string[][] German { get; } = Draw.Table("""
        ist der Himmel blau|Die Luft streut blaues Licht stärker als rotes.|Der Himmel spiegelt das Meer.
        schwimmt Eis auf Wasser|Wasser dehnt sich beim Gefrieren aus und wird leichter.|Eis besteht aus einem anderen Stoff.
        gibt es Tag und Nacht|Die Erde dreht sich jeden Tag einmal um sich selbst.|Die Sonne dreht sich um die Erde.
        brauchen Pflanzen Licht|Sie machen mit Licht aus Wasser und Luft Zucker.|Sie wollen sehen, wohin sie wachsen.
        rostet Eisen|Eisen verbindet sich mit Sauerstoff und Wasser.|Eisen rostet aus Langeweile.
        müssen wir schlafen|Der Körper erholt sich und das Gehirn ordnet das Gelernte.|Schlaf schont die Schuhe.
        """);

    private static string[][] French { get; } = Draw.Table("""
        le ciel est-il bleu|L'air disperse la lumière bleue plus que la rouge.|Le ciel reflète la mer.
        la glace flotte-t-elle|L'eau se dilate en gelant et devient plus légère.|La glace est faite d'une autre matière.
        fait-il nuit|La Terre tourne sur elle-même une fois par jour.|Le Soleil tourne autour de la Terre.
        les plantes ont-elles besoin de lumière|Elles font du sucre avec la lumière, l'eau et l'air.|Elles veulent voir où elles poussent.
        le fer rouille-t-il|Le fer réagit avec l'oxygène et l'eau.|Le fer rouille parce qu'il s'ennuie.
        devons-nous dormir|Le corps se repose et le cerveau range ce qu'il a appris.|Le sommeil protège les chaussures.
        """);

    private static string[][] Spanish { get; } = Draw.Table("""
        es azul el cielo|El aire dispersa la luz azul más que la roja.|El cielo refleja el mar.
        flota el hielo|El agua se expande al congelarse y pesa menos.|El hielo es de otro material.
        hay día y noche|La Tierra gira sobre sí misma una vez al día.|El Sol gira alrededor de la Tierra.
        necesitan luz las plantas|Con la luz hacen azúcar de agua y aire.|Quieren ver hacia dónde crecen.
        se oxida el hierro|El hierro reacciona con el oxígeno y el agua.|El hierro se oxida de aburrimiento.
        tenemos que dormir|El cuerpo descansa y el cerebro ordena lo aprendido.|El sueño protege los zapatos.
        """);

    public override double Weight => 11;

    public override bool Speaks(Language language) => true;

    public override Question Ask(SeededRandom random, Language language)
    {
        var table = language switch { Language.German => German, Language.French => French, Language.Spanish => Spanish, _ => English };
        var entry = random.Pick(table);
        var prompt = language switch
        {
            Language.German => random.Pick([$"Warum {entry[0]}?", $"Kannst du mir sagen: Warum {entry[0]}?"]),
            Language.French => random.Pick([$"Pourquoi {entry[0]} ?", $"Dis-moi, pourquoi {entry[0]} ?"]),
            Language.Spanish => random.Pick([$"¿Por qué {entry[0]}?", $"Una pregunta: ¿por qué {entry[0]}?"]),
            _ => random.Pick(
            [
                $"Why {entry[0]}?", $"My daughter asks: why {entry[0]}?", $"Can you explain in simple words: why {entry[0]}?",
                $"A question for you. Why {entry[0]}?",
            ]),
        };
        string[] details = language == Language.English ?
        [
            "You can see this for yourself if you watch closely.", "Scientists have studied this for a long time.",
            "It works the same everywhere on Earth.", "A simple experiment at home shows it.", "In earlier times people had other ideas about it.",
        ] : [];
        return new Question(prompt, language, AskedFormat.None, random => Say(random, entry[1]), random => Say(random, entry[2]), details);

        Content Say(SeededRandom random, string reason)
            => new(language == Language.English ? random.Pick(
            [
                reason, reason, $"The reason is simple. {reason}", $"{reason} That is why.", $"It is like this: {reason}",
            ]) : reason);
    }
}
