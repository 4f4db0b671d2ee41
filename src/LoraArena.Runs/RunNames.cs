using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;

namespace LoraArena.Runs;

/// <summary>
/// Names for runs that nobody has named: what people compare first (rank, learning rate, length), then whatever else differs from the
/// defaults, so that runs that are made differently are called differently.
/// </summary>
public static class RunNames
{
    /// <summary>Characters of a name at most.</summary>
    public const int MaxCharacters = 100;

    /// <summary>Options whose value says nothing about what comes of the run.</summary>
    private static readonly string[] Silent = ["device", "checkpoint_seconds", "save_steps", "max_tokens_per_micro_batch"];

    /// <summary>Options that every name has where the variant has them; the rest follows only where it differs.</summary>
    private static readonly string[] Always = ["r", "learning_rate"];

    /// <summary>The name: <c>LoRA on arena-nano: r 16, lr 0.0005, 2 epochs, seed 0</c>.</summary>
    /// <param name="variant">The variant, with its options and their defaults.</param>
    /// <param name="options">What the run sets of them.</param>
    /// <param name="training">How it trains.</param>
    /// <param name="trainingOptions">The options of the training and their defaults.</param>
    /// <param name="model">Name of the base model.</param>
    /// <param name="taken">Names that other runs of the competition have.</param>
    public static string Of(
        VariantDescription variant, JsonObject options, TrainingOptions training,
        IReadOnlyList<OptionDescription> trainingOptions, string model, IReadOnlyCollection<string> taken)
    {
        var given = JsonSerializer.SerializeToNode(training, ArenaJson.Line)!.AsObject();
        var length = training.MaxSteps is { } steps ? Amount(steps, "step") : Amount(training.NumTrainEpochs, "epoch");
        string[] parts =
        [
            .. Differences(variant.Options, options),
            .. Differences(trainingOptions, given, "num_train_epochs", "max_steps", "seed"),
            length,
            FormattableString.Invariant($"seed {training.Seed}"),
        ];
        return Unique(Shorten($"{variant.Name} on {model}: {string.Join(", ", parts)}"), taken);
    }

    private static IEnumerable<string> Differences(IReadOnlyList<OptionDescription> options, JsonObject given, params string[] without)
        => from option in options
           where !Silent.Contains(option.Name) && !without.Contains(option.Name)
           let value = given.TryGetPropertyValue(option.Name, out var set) ? set : option.Default
           where Always.Contains(option.Name) || !Same(value, option.Default)
           select $"{Short(option.Name)} {Text(value)}";

    // 5 and 5.0 are the same number.
    private static bool Same(JsonNode? value, JsonNode? other)
        => value?.GetValueKind() == JsonValueKind.Number && other?.GetValueKind() == JsonValueKind.Number
            ? Number(value) == Number(other)
            : JsonNode.DeepEquals(value, other);

    private static string Short(string option) => option switch { "learning_rate" => "lr", "lora_alpha" => "alpha", "lora_dropout" => "dropout", _ => option };

    private static string Text(JsonNode? value) => value?.GetValueKind() switch
    {
        null or JsonValueKind.Null => "model default",
        JsonValueKind.Number => Number(value).ToString("0.########", CultureInfo.InvariantCulture),
        JsonValueKind.String => value.GetValue<string>(),
        JsonValueKind.True => "on",
        JsonValueKind.False => "off",
        _ => value.ToJsonString(),
    };

    private static double Number(JsonNode value) => double.Parse(value.ToJsonString(), CultureInfo.InvariantCulture);

    private static string Amount(double count, string unit) => string.Create(CultureInfo.InvariantCulture, $"{count:0.###} {unit}{(count == 1 ? "" : "s")}");

    private static string Shorten(string name) => name.Length <= MaxCharacters ? name : name[..(MaxCharacters - 1)] + "…";

    private static string Unique(string name, IReadOnlyCollection<string> taken)
    {
        if (!taken.Contains(name)) return name;
        for (var number = 2; ; number++)
        {
            var ending = string.Create(CultureInfo.InvariantCulture, $" ({number})");
            var candidate = name.Length + ending.Length <= MaxCharacters ? name + ending : name[..(MaxCharacters - ending.Length - 1)] + "…" + ending;
            if (!taken.Contains(candidate)) return candidate;
        }
    }
}
