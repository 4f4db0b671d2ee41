using System.Text;
using LoraArena.Core.Battles;
using LoraArena.Core.Competitions;
using LoraArena.Data.Import;
using LoraArena.Learning.Packing;
using LoraArena.Tokenizers;

namespace LoraArena.Learning.Pretraining;

/// <summary>
/// The texts of a pre-training as tokens: sequences of plain text, filled up with whole paragraphs, and battles. One sequence and one battle
/// in a hundred are held out.
/// </summary>
/// <param name="Texts">Tokens of plain-text sequences, without special tokens.</param>
/// <param name="Battles">Battles.</param>
/// <param name="HeldOutTexts">Plain-text sequences that are not trained on.</param>
/// <param name="HeldOutBattles">Battles that are not trained on.</param>
public sealed record PretrainingCorpus(IReadOnlyList<int[]> Texts, IReadOnlyList<TokenizedBattle> Battles, IReadOnlyList<int[]> HeldOutTexts, IReadOnlyList<TokenizedBattle> HeldOutBattles)
{
    private const int HeldOutEvery = 100;
    private const int MinCharacters = 40;

    /// <summary>Every text of a spec, for training a tokenizer.</summary>
    public static IEnumerable<string> AllTexts(PretrainingSpec spec)
        => spec.Texts.SelectMany(Paragraphs).Concat(spec.Battles.SelectMany(ReadBattles)
            .SelectMany(b => b.Prompts.Concat(b.ResponsesA).Concat(b.ResponsesB))
            .OfType<string>());

    /// <summary>Reads and tokenises the texts of a spec.</summary>
    public static PretrainingCorpus Read(PretrainingSpec spec, HuggingFaceTokenizer tokenizer, BattleTokenizer battleTokenizer)
    {
        var texts = spec.Texts.SelectMany(path => Sequences(Paragraphs(path), tokenizer, spec.MaxLength - 2)).ToList();
        var battles = battleTokenizer.Tokenize([.. spec.Battles.SelectMany(ReadBattles)]);
        return new PretrainingCorpus(
            [.. texts.Where((_, i) => i % HeldOutEvery != 0)],
            [.. battles.Where((_, i) => i % HeldOutEvery != 0)],
            [.. texts.Where((_, i) => i % HeldOutEvery == 0)],
            [.. battles.Where((_, i) => i % HeldOutEvery == 0)]);
    }

    private static IEnumerable<int[]> Sequences(IEnumerable<string> paragraphs, HuggingFaceTokenizer tokenizer, int length)
    {
        var tokens = new List<int>();
        foreach (var ids in paragraphs.AsParallel().AsOrdered().Select(p => tokenizer.EncodeToIds(p + "\n")))
        {
            tokens.AddRange(ids);
            for (; tokens.Count >= length; tokens.RemoveRange(0, length)) yield return [.. tokens.Take(length)];
        }
    }

    // Paragraphs are what stands between blank lines; short ones (headings, rulers) say little.
    private static IEnumerable<string> Paragraphs(string path)
    {
        var files = Directory.Exists(path)
            ? Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            : Enumerable.Repeat(path, 1);
        foreach (var file in files)
        {
            var paragraph = new StringBuilder();
            foreach (var line in File.ReadLines(file).Append(""))
            {
                if (!string.IsNullOrWhiteSpace(line))
                {
                    paragraph.Append(paragraph.Length > 0 ? " " : "").Append(line.Trim());
                    continue;
                }

                if (paragraph.Length >= MinCharacters) yield return paragraph.ToString();
                paragraph.Clear();
            }
        }
    }

    private static IEnumerable<Battle> ReadBattles(string path)
        => PreferenceCsv.Read(path, Path.GetFileName(path), PreferenceCsv.Guess(path) ?? FileRole.Test).Select(row => row.Battle).OfType<Battle>();
}
