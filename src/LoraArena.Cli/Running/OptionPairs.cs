using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;

namespace LoraArena.Cli.Running;

/// <summary>Options of a run as people give them: <c>-s r=16 -s warmup_ratio=0</c>, for the variant and for the training alike.</summary>
/// <param name="Variant">What is given for the variant, by PEFT's names.</param>
/// <param name="Training">What is given for the training, by the names in spec.json.</param>
internal sealed record OptionPairs(JsonObject Variant, JsonObject Training)
{
    /// <summary>The option that takes pairs.</summary>
    public static Option<string[]> Set()
    {
        var set = new Option<string[]>("--set", "-s") { Description = "An option of the variant or of the training; 'arena variants ID' lists them.", HelpName = "key=value", AllowMultipleArgumentsPerToken = false };
        set.Validators.Add(result =>
        {
            foreach (var token in result.Tokens.Where(token => token.Value.IndexOf('=', StringComparison.Ordinal) < 1))
            {
                result.AddError($"-s takes key=value, not '{token.Value}'.");
            }
        });
        return set;
    }

    /// <summary>Reads pairs.</summary>
    /// <param name="pairs">Each with its '='.</param>
    /// <param name="named">Training options that were given by options of their own.</param>
    /// <param name="variant">The variant.</param>
    /// <param name="worker">Describes the training.</param>
    /// <exception cref="OptionException">A key is unknown or given twice, or a value is not one of its option.</exception>
    public static OptionPairs Read(IEnumerable<string> pairs, JsonObject named, VariantDescription variant, WorkerDescription worker)
    {
        OptionValues.Check(worker.Training, named, "the training");
        var read = new OptionPairs([], named.DeepClone().AsObject());
        foreach (var pair in pairs)
        {
            var (key, text) = (pair[..pair.IndexOf('=', StringComparison.Ordinal)].Trim(), pair[(pair.IndexOf('=', StringComparison.Ordinal) + 1)..]);
            var (options, into, owner) = variant.Options.Any(o => o.Name == key)
                ? (variant.Options, read.Variant, $"variant {variant.Id}")
                : (worker.Training, read.Training, "the training");
            var option = options.FirstOrDefault(o => o.Name == key)
                ?? throw new OptionException($"There is no option '{key}'. Variant {variant.Id} has {Names(variant.Options)}; every training has {Names(worker.Training)}.");
            if (into.ContainsKey(key)) throw new OptionException($"Option '{key}' is given twice.");
            into.Add(key, OptionValues.Parse(option, text, owner));
        }

        return read;
    }

    /// <summary>A variant's choice with these options in place of its own.</summary>
    public VariantChoice Apply(VariantChoice choice) => choice with { Options = Merged(choice.Options, Variant) };

    /// <summary>A training with these options in place of its own.</summary>
    public TrainingOptions Apply(TrainingOptions training)
        => Merged(JsonSerializer.SerializeToNode(training, ArenaJson.Line)!.AsObject(), Training).Deserialize<TrainingOptions>(ArenaJson.Line)!;

    private static JsonObject Merged(JsonObject options, JsonObject changes)
    {
        var merged = options.DeepClone().AsObject();
        foreach (var (key, value) in changes) merged[key] = value?.DeepClone();
        return merged;
    }

    private static string Names(IReadOnlyList<OptionDescription> options) => string.Join(", ", options.Select(o => o.Name));
}
