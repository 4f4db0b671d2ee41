using LoraArena.Core.Battles;
using LoraArena.Core.Statistics;
using LoraArena.Learning.Packing;

namespace LoraArena.Learning.Pretraining;

/// <summary>A sequence with some tokens hidden, and what the model has to say about it.</summary>
/// <param name="Packed">The tokens, some of them hidden.</param>
/// <param name="Places">Where tokens have to be guessed.</param>
/// <param name="Guesses">What stands there in truth.</param>
/// <param name="Better">For a battle: which answer is the better one. Null for plain text, and for a battle of which nobody knows.</param>
public sealed record MaskedSequence(PackedBattle Packed, IReadOnlyList<int> Places, IReadOnlyList<int> Guesses, Winner? Better);

/// <summary>
/// Makes the sequences of a step, as a function of seed and step. Tokens are hidden as in BERT: of those chosen, 80 % become [MASK], 10 %
/// another token, 10 % stay (Devlin et al. 2018). In some battles one answer is exchanged for that of another battle, and that answer loses;
/// the others have the outcome that their file tells, if it tells one. So the pooled token learns to weigh two answers against their
/// prompt, which is what a preference model does.
/// </summary>
/// <param name="spec">The spec.</param>
/// <param name="corpus">The texts.</param>
/// <param name="packer">How battles become sequences.</param>
/// <param name="tokens">Special tokens of the tokenizer, and the size of its vocabulary.</param>
public sealed class MaskedBatch(PretrainingSpec spec, PretrainingCorpus corpus, BattlePacker packer, PretrainingTokens tokens)
{
    private const long HeldOut = -1;

    /// <summary>The sequences of a step.</summary>
    public IReadOnlyList<MaskedSequence> OfStep(long step)
    {
        var random = new SeededRandom(spec.Seed, step);
        var sequences = new List<MaskedSequence>();
        for (var (count, longest) = (0, 0); ; count++)
        {
            var next = corpus.Texts.Count == 0 || (corpus.Battles.Count > 0 && random.NextDouble() < spec.BattleShare)
                ? Battle(corpus.Battles, random.Next(corpus.Battles.Count), random)
                : Text(corpus.Texts[random.Next(corpus.Texts.Count)], random);
            longest = Math.Max(longest, next.Packed.Length);
            if (count > 0 && (count + 1) * longest > spec.TokensPerStep) return sequences;
            sequences.Add(next);
        }
    }

    /// <summary>The held-out sequences, always hidden alike.</summary>
    public IReadOnlyList<MaskedSequence> OfHeldOut()
    {
        var random = new SeededRandom(spec.Seed, HeldOut);
        return [
            .. corpus.HeldOutTexts.Select(t => Text(t, random)),
            .. Enumerable.Range(0, corpus.HeldOutBattles.Count).Select(i => Battle(corpus.HeldOutBattles, i, random))];
    }

    private MaskedSequence Text(int[] text, SeededRandom random) => Hide(new PackedBattle([tokens.Cls, .. text, tokens.Sep], text.Length + 2), null, random);

    private MaskedSequence Battle(IReadOnlyList<TokenizedBattle> battles, int index, SeededRandom random)
    {
        var battle = battles[index];
        if (random.NextDouble() < spec.ForeignShare)
        {
            var other = battles[random.Next(battles.Count)];
            var answer = (random.NextBits() & 1) == 0 ? other.A : other.B;
            var better = (random.NextBits() & 1) == 0 ? Winner.ModelA : Winner.ModelB;

            // An answer to the same prompt is not out of place.
            if (other.Group != battle.Group)
            {
                battle = better == Winner.ModelA ? battle with { B = answer, Winner = better } : battle with { A = answer, Winner = better };
            }
        }

        return Hide(packer.Pack(battle, swap: false), battle.Winner, random);
    }

    private MaskedSequence Hide(PackedBattle packed, Winner? better, SeededRandom random)
    {
        var ids = packed.Ids;
        var hidden = (int[])ids.Clone();
        var places = new List<int>();
        var guesses = new List<int>();
        for (var i = 0; i < ids.Length; i++)
        {
            if (tokens.IsSpecial(ids[i]) || random.NextDouble() >= spec.MaskProbability) continue;
            places.Add(i);
            guesses.Add(ids[i]);
            var choice = random.NextDouble();
            if (choice < 0.8) hidden[i] = tokens.Mask;
            else if (choice < 0.9) hidden[i] = random.Next(tokens.VocabularySize);
        }

        return new MaskedSequence(packed with { Ids = hidden }, places, guesses, better);
    }
}

/// <summary>The special tokens that pre-training needs.</summary>
/// <param name="Cls">First token of a sequence.</param>
/// <param name="Sep">Last token of a sequence.</param>
/// <param name="Mask">Stands for a token to be guessed.</param>
/// <param name="Pad">Fills short sequences.</param>
/// <param name="VocabularySize">Tokens known.</param>
public sealed record PretrainingTokens(int Cls, int Sep, int Mask, int Pad, int VocabularySize)
{
    /// <summary>True for a token that is never hidden.</summary>
    public bool IsSpecial(int id) => id == Cls || id == Sep || id == Mask || id == Pad;
}
