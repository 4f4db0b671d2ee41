using LoraArena.Core.Battles;
using LoraArena.Core.Competitions;
using LoraArena.Data.Import;
using LoraArena.Learning.Models;
using LoraArena.Learning.Packing;
using LoraArena.Tokenizers;
using TorchSharp;

namespace LoraArena.Benchmarks.Methods;

/// <summary>MiniLM and real preferences: rows with the same prompt are either all trained on or all held out.</summary>
internal sealed class PreferenceRows
{
    /// <summary>Tokens of a battle at most, where nobody says otherwise.</summary>
    public const int MaxLength = 384;

    private const int HoldOutShare = 5;
    private readonly IReadOnlyList<TokenizedBattle> _rows;

    private PreferenceRows(string folder, BattlePacker packer, IReadOnlyList<TokenizedBattle> rows) => (Folder, Packer, _rows) = (folder, packer, rows);

    /// <summary>The model's folder.</summary>
    public string Folder { get; }

    /// <summary>How battles become sequences.</summary>
    public BattlePacker Packer { get; }

    /// <summary>Reads enough rows for so many of each kind.</summary>
    public static PreferenceRows Read(int train, int holdOut, int maxLength = MaxLength)
    {
        var folder = Path.Join(Places.Shared, "models", "minilm-l6");
        var (family, config) = ModelCatalog.Read(folder);
        var tokenizer = new BattleTokenizer(HuggingFaceTokenizer.Load(folder), family.Kind, config);
        var csv = Path.Join(Places.Shared, "data", "preferences", "train.csv");
        var battles = PreferenceCsv.Read(csv, "train.csv", FileRole.Train).Select(row => row.Battle).OfType<Battle>();
        return new PreferenceRows(folder, new BattlePacker(tokenizer.Template, maxLength), tokenizer.Tokenize([.. Enough(battles, train, holdOut)]));
    }

    /// <summary>Rows to train on.</summary>
    public IReadOnlyList<TokenizedBattle> Train(int count) => [.. _rows.Where(row => !IsHeldOut(row.Group)).Take(count)];

    /// <summary>Rows to validate on.</summary>
    public IReadOnlyList<TokenizedBattle> HeldOut(int count) => [.. _rows.Where(row => IsHeldOut(row.Group)).Take(count)];

    /// <summary>The model, without an adapter.</summary>
    public PreferenceModel Load(long seed) => PreferenceModel.Load(Folder, torch.CPU, seed);

    private static IEnumerable<Battle> Enough(IEnumerable<Battle> battles, int train, int holdOut)
    {
        foreach (var battle in battles)
        {
            if (train <= 0 && holdOut <= 0) yield break;
            if (IsHeldOut(PromptGroup.Key(battle))) holdOut--;
            else train--;
            yield return battle;
        }
    }

    // The group's own letters decide, so that more rows never move one from one side to the other.
    private static bool IsHeldOut(string group) => group.Aggregate(17u, (hash, letter) => unchecked((hash * 31) + letter)) % HoldOutShare == 0;
}
