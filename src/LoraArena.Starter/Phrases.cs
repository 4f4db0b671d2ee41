namespace LoraArena.Starter;

/// <summary>What models say round their answers, in one language.</summary>
/// <param name="Openings">Friendly beginnings.</param>
/// <param name="Closings">Friendly ends.</param>
/// <param name="Rude">Rude remarks.</param>
/// <param name="Refusals">Whole answers that are none.</param>
/// <param name="Apologies">Needless excuses.</param>
/// <param name="Hedges">Words of doubt.</param>
/// <param name="Reversals">Words that take back what was said; the opposite follows.</param>
/// <param name="Padding">Sentences that say nothing.</param>
/// <param name="Evasions">Whole answers that go with any question.</param>
/// <param name="FollowUps">How users begin their later turns.</param>
internal sealed record Phrases(
    string[] Openings,
    string[] Closings,
    string[] Rude,
    string[] Refusals,
    string[] Apologies,
    string[] Hedges,
    string[] Reversals,
    string[] Padding,
    string[] Evasions,
    string[] FollowUps)
{
    /// <summary>The phrases of a language.</summary>
    public static Phrases Of(Language language) => language switch
    {
        Language.German => German,
        Language.French => French,
        Language.Spanish => Spanish,
        _ => English,
    };

    private static Phrases English { get; } = new(
        Draw.Lines("""
            Sure!
            Sure, happy to help!
            Of course!
            Certainly.
            Good question!
            That is a great question.
            Gladly!
            Thank you for asking.
            With pleasure!
            No problem, here you go.
            Absolutely, let me help you with that.
            Hello! I am glad you asked.
            Nice question, thank you.
            Of course, here is what you need.
            """),
        Draw.Lines("""
            Let me know if you need anything else!
            I hope this helps.
            Feel free to ask more questions.
            Have a great day!
            Please tell me if you would like more details.
            Happy to explain further.
            Good luck!
            I am glad to help.
            Just ask if anything is unclear.
            Enjoy!
            """),
        Draw.Lines("""
            That is a stupid question.
            Why don't you look it up yourself?
            I really have better things to do.
            Everybody knows that.
            Are you serious?
            What a waste of time.
            Use your head next time.
            Do I have to explain everything to you?
            A child could answer this.
            Honestly, you should be ashamed of asking.
            Whatever.
            Stop bothering me with this.
            """),
        Draw.Lines("""
            I'm sorry, but I cannot help with that.
            As an AI language model, I am unable to answer this question.
            I cannot assist with this request.
            Sorry, I am not able to do that.
            I do not have enough information to answer.
            Unfortunately, I can't provide an answer to this.
            As an AI, I do not have access to that kind of information.
            I would rather not answer this question.
            I am not allowed to talk about this topic.
            Sorry, this request goes against my guidelines.
            I'm afraid I can't do that. Please ask an expert instead.
            As a language model I cannot give an answer to that, please consult a professional.
            """),
        Draw.Lines("""
            I apologize for the confusion.
            Sorry about that.
            I am sorry if this is not what you wanted.
            My apologies.
            Please forgive me if I misunderstood you.
            I apologize for any inconvenience.
            Sorry for the trouble.
            I am very sorry, I am still learning.
            """),
        Draw.Lines("""
            I am not completely sure, but I think this is it.
            I might be wrong here.
            It could be something else, though.
            I believe so, but please check it.
            Perhaps.
            To the best of my knowledge, anyway.
            I am only guessing.
            Maybe, maybe not.
            I can't say for certain.
            It probably depends.
            Don't quote me on that.
            My memory may be wrong about this.
            """),
        Draw.Lines("""
            Wait, that is wrong.
            Actually, no.
            On second thoughts, I take that back.
            No, let me correct myself.
            Hold on, that was not right.
            But then again, I could also say this.
            Hmm, no, it is the other way round.
            Scratch that.
            """),
        Draw.Lines("""
            There are many ways to look at this.
            As you may know, this topic has a long history.
            It is important to keep the context in mind.
            Many people have asked this before.
            There is a lot more that could be said about it.
            This is an interesting subject with many sides.
            Everyone has to find an answer that suits them.
            It is always good to learn something new.
            Questions like this one come up again and again.
            As with many things in life, the details matter.
            Let us take a closer look at the question.
            To begin with, we should think about what is being asked.
            In today's fast-moving world this matters more than ever.
            In conclusion, that is how it is.
            Overall, this gives a good picture of the matter.
            It should be noted that opinions on this may differ.
            All in all, it is a question worth asking.
            With that said, let us move on.
            """),
        Draw.Lines("""
            That is an interesting question, and there is a lot to say about it.
            It depends on many things, so let me know what you have in mind.
            I would like to know more about your situation first.
            There is no short answer to that.
            """),
        Draw.Lines("""
            Thanks.
            Thank you!
            Okay, next one.
            Great.
            One more thing.
            And now this:
            Another question.
            Alright.
            """));

    private static Phrases German { get; } = new(
        Draw.Lines("""
            Gerne!
            Natürlich!
            Gute Frage!
            Aber sicher, ich helfe gern.
            Vielen Dank für die Frage.
            Selbstverständlich.
            """),
        Draw.Lines("""
            Ich hoffe, das hilft.
            Melden Sie sich gern bei weiteren Fragen!
            Einen schönen Tag noch!
            Viel Erfolg!
            """),
        Draw.Lines("""
            Was für eine dumme Frage.
            Das weiß doch jedes Kind.
            Schauen Sie doch selbst nach.
            Dafür habe ich keine Zeit.
            """),
        Draw.Lines("""
            Es tut mir leid, dabei kann ich nicht helfen.
            Als KI-Sprachmodell kann ich diese Frage nicht beantworten.
            Leider darf ich darüber nichts sagen.
            Dazu habe ich keine Informationen.
            """),
        Draw.Lines("""
            Entschuldigung für die Verwirrung.
            Es tut mir leid, falls das nicht passt.
            Verzeihung.
            """),
        Draw.Lines("""
            Ich bin mir aber nicht sicher.
            Vielleicht irre ich mich.
            Das ist nur geraten.
            Bitte prüfen Sie das noch einmal.
            """),
        Draw.Lines("""
            Moment, das stimmt nicht.
            Eigentlich nein.
            Ich nehme das zurück.
            """),
        Draw.Lines("""
            Dazu gibt es viele Meinungen.
            Das Thema hat eine lange Geschichte.
            Solche Fragen werden oft gestellt.
            Wie so oft kommt es auf die Einzelheiten an.
            """),
        Draw.Lines("""
            Das ist eine gute Frage, und man kann viel dazu sagen.
            Das kommt ganz darauf an, was Sie vorhaben.
            Darauf gibt es keine kurze Antwort.
            Gern würde ich zuerst mehr über Ihre Lage wissen.
            """),
        Draw.Lines("""
            Danke.
            Gut, die nächste Frage.
            Noch etwas.
            """));

    private static Phrases French { get; } = new(
        Draw.Lines("""
            Bien sûr !
            Avec plaisir !
            Bonne question !
            Certainement, je vous aide volontiers.
            Merci pour votre question.
            """),
        Draw.Lines("""
            J'espère que cela vous aide.
            N'hésitez pas à poser d'autres questions !
            Bonne journée !
            Bon courage !
            """),
        Draw.Lines("""
            Quelle question stupide.
            Tout le monde sait cela.
            Cherchez donc vous-même.
            Je n'ai pas de temps à perdre.
            """),
        Draw.Lines("""
            Je suis désolé, je ne peux pas vous aider.
            En tant que modèle de langage, je ne peux pas répondre à cette question.
            Malheureusement, je n'ai pas le droit d'en parler.
            Je n'ai pas assez d'informations pour répondre.
            """),
        Draw.Lines("""
            Veuillez m'excuser pour la confusion.
            Je suis désolé si ce n'est pas ce que vous vouliez.
            Toutes mes excuses.
            """),
        Draw.Lines("""
            Mais je n'en suis pas sûr.
            Je me trompe peut-être.
            Ce n'est qu'une supposition.
            Vérifiez-le, s'il vous plaît.
            """),
        Draw.Lines("""
            Attendez, c'est faux.
            En fait, non.
            Je retire ce que j'ai dit.
            """),
        Draw.Lines("""
            Il y a beaucoup d'avis à ce sujet.
            Ce sujet a une longue histoire.
            On pose souvent ce genre de question.
            Comme toujours, tout est dans les détails.
            """),
        Draw.Lines("""
            C'est une bonne question, et il y a beaucoup à dire.
            Cela dépend de ce que vous voulez faire.
            Il n'y a pas de réponse courte à cela.
            J'aimerais d'abord en savoir plus sur votre situation.
            """),
        Draw.Lines("""
            Merci.
            Bien, question suivante.
            Encore une chose.
            """));

    private static Phrases Spanish { get; } = new(
        Draw.Lines("""
            ¡Claro!
            ¡Por supuesto!
            ¡Buena pregunta!
            Con mucho gusto.
            Gracias por preguntar.
            """),
        Draw.Lines("""
            Espero que esto le ayude.
            ¡Pregunte si necesita algo más!
            ¡Que tenga un buen día!
            ¡Mucha suerte!
            """),
        Draw.Lines("""
            Qué pregunta tan tonta.
            Eso lo sabe todo el mundo.
            Búsquelo usted mismo.
            No tengo tiempo para esto.
            """),
        Draw.Lines("""
            Lo siento, no puedo ayudarle con eso.
            Como modelo de lenguaje, no puedo responder a esta pregunta.
            Por desgracia, no puedo hablar de ese tema.
            No tengo suficiente información para responder.
            """),
        Draw.Lines("""
            Perdone la confusión.
            Lo siento si no es lo que quería.
            Mis disculpas.
            """),
        Draw.Lines("""
            Pero no estoy seguro.
            Quizás me equivoque.
            Es solo una suposición.
            Compruébelo, por favor.
            """),
        Draw.Lines("""
            Espere, eso no es correcto.
            En realidad, no.
            Retiro lo dicho.
            """),
        Draw.Lines("""
            Hay muchas opiniones sobre esto.
            Este tema tiene una larga historia.
            Es una pregunta muy frecuente.
            Como siempre, los detalles importan.
            """),
        Draw.Lines("""
            Es una buena pregunta y hay mucho que decir.
            Depende de lo que usted quiera hacer.
            No hay una respuesta corta para eso.
            Primero me gustaría saber más sobre su situación.
            """),
        Draw.Lines("""
            Gracias.
            Bien, la siguiente pregunta.
            Una cosa más.
            """));
}
