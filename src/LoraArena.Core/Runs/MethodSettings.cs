using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using LoraArena.Core.Json;

namespace LoraArena.Core.Runs;

/// <summary>
/// What a run was told, as names and values, with defaults left out, and what it learnt from: two runs with the same of all that are the
/// same method with other seeds.
/// </summary>
/// <param name="Variant">Id of the variant.</param>
/// <param name="Model">Name of the base model.</param>
/// <param name="Values">Settings that are not the default, by name, as JSON text; the variant's before the training's, in the order of their forms.</param>
public sealed record MethodSettings(string Variant, string Model, IReadOnlyList<KeyValuePair<string, string>> Values)
{
    // These change how fast a run is or what it leaves behind, not what it learns; the seed is what a method is averaged over.
    private static readonly HashSet<string> NotOfTheMethod =
        new(StringComparer.Ordinal)
        {
            "seed", "device", "checkpoint_seconds", "save_steps", "keep_checkpoint", "max_tokens_per_micro_batch", "gradient_checkpointing",
        };

    /// <summary>Short forms of settings that stand in names.</summary>
    private static readonly Dictionary<string, string> Short = new(StringComparer.Ordinal)
    {
        ["learning_rate"] = "lr",
        ["num_train_epochs"] = "epochs",
        ["max_steps"] = "steps",
        ["max_seconds"] = "seconds",
        ["batch_size"] = "batch",
        ["max_length"] = "length",
        ["lora_alpha"] = "alpha",
        ["lora_dropout"] = "dropout",
    };

    /// <summary>SHA-256 of the base model's files: the same name may stand for other weights later.</summary>
    public string Weights { get; init; } = "";

    /// <summary>SHA-256 of train.csv.</summary>
    public string TrainData { get; init; } = "";

    /// <summary>Text that is equal for runs that were told the same, be it on other weights or other data.</summary>
    public string SettingsKey { get; } = $"{Variant}\n{Model}\n{string.Join('\n', Values.Select(v => $"{v.Key}={v.Value}"))}";

    /// <summary>Text that is equal for runs of the same method: with the same settings, from the same weights, on the same data.</summary>
    public string Key => $"{SettingsKey}\n{Weights}\n{TrainData}";

    /// <summary>The settings of a run.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="worker">Says what the defaults are; without it every option that was given counts.</param>
    public static MethodSettings Of(RunSpec spec, WorkerDescription? worker)
    {
        var variant = worker?.Variants.FirstOrDefault(v => v.Id == spec.Variant.Id);
        var training = JsonSerializer.SerializeToNode(spec.Training, ArenaJson.Line)!.AsObject();
        var defaults = JsonSerializer.SerializeToNode(new TrainingOptions(), ArenaJson.Line)!.AsObject();
        IEnumerable<KeyValuePair<string, string>> values =
        [
            .. Differing(
                spec.Variant.Options,
                name => variant?.Options.FirstOrDefault(o => o.Name == name) is { } option ? (true, option.Default) : (false, null)),
            .. Differing(training, name => (true, worker?.Training.FirstOrDefault(o => o.Name == name) is { } option ? option.Default : defaults[name])),
        ];
        return new MethodSettings(spec.Variant.Id, spec.Model.Name, [.. values.Where(v => !NotOfTheMethod.Contains(v.Key))])
        {
            Weights = spec.Model.Sha256,
            TrainData = spec.Data.Train,
        };
    }

    /// <summary>The value of a setting; null where it has its default.</summary>
    public string? this[string name] => Values.FirstOrDefault(v => v.Key == name).Value;

    /// <summary>A setting as it stands in a name: <c>r=16</c>, <c>lr=0.0005</c>.</summary>
    public static string Text(KeyValuePair<string, string> setting)
        => $"{Short.GetValueOrDefault(setting.Key, setting.Key)}={ValueText(setting.Key, setting.Value)}";

    /// <summary>A value as people read it: a rate of 5E-05 as 0.00005; of a pattern that names layer after layer, which values it gives to how many.</summary>
    /// <param name="name">The setting.</param>
    /// <param name="value">Its value as JSON text.</param>
    public static string ValueText(string name, string value)
    {
        var text = value.Trim('"');
        if (text.Contains('E', StringComparison.Ordinal) && decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number != 0)
        {
            return number.ToString("0.############################", CultureInfo.InvariantCulture);
        }

        if (!name.EndsWith("_pattern", StringComparison.Ordinal)) return text;
        var entries = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (entries.Length < 3 || entries.Any(e => e.LastIndexOf('=') < 1)) return text;
        return string.Join(" and ", entries.GroupBy(e => e[(e.LastIndexOf('=') + 1)..], StringComparer.Ordinal).Select(g =>
            FormattableString.Invariant($"{g.Key} on {g.Count()} {(g.Count() == 1 ? "layer" : "layers")}")));
    }

    /// <summary>The settings as text, apart by blanks.</summary>
    public string Text(Func<string, bool>? which = null) => string.Join(' ', Values.Where(v => which is null || which(v.Key)).Select(Text));

    private static IEnumerable<KeyValuePair<string, string>> Differing(JsonObject given, Func<string, (bool Known, JsonNode? Default)> defaultOf)
    {
        foreach (var (name, value) in given.OrderBy(p => p.Key is "r" ? "" : p.Key, StringComparer.Ordinal))
        {
            var (known, standard) = defaultOf(name);
            if (known ? Same(value, standard) : value is null) continue;
            yield return KeyValuePair.Create(name, value?.ToJsonString(ArenaJson.Line) ?? "none");
        }
    }

    // 2 and 2.0 are the same setting.
    private static bool Same(JsonNode? a, JsonNode? b)
    {
        if (a is null || b is null) return a is null && b is null;
        if (a.GetValueKind() == JsonValueKind.Number && b.GetValueKind() == JsonValueKind.Number) return Number(a) == Number(b);
        return a.ToJsonString() == b.ToJsonString();
    }

    private static double Number(JsonNode node) => double.Parse(node.ToJsonString(), CultureInfo.InvariantCulture);
}
