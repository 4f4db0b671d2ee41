using LoraArena.Core.Runs;
using LoraArena.Learning.Models;

namespace LoraArena.Learning.Variants;

/// <summary>
/// Weights of the model itself that are trained beside an adapter: whole modules and biases, chosen and named as PEFT's <c>modules_to_save</c> and
/// <c>bias</c> do it.
/// </summary>
public static class BaseTraining
{
    private const string Root = "base_model.model.";

    // PEFT adds the head under both names, whichever the model has.
    private static readonly string[] HeadNames = ["classifier", "score"];

    /// <summary>The names of a list of modules, those that mean the head left out: it is trained anyway.</summary>
    public static IReadOnlyList<string> Names(string? modulesToSave)
        => [.. (modulesToSave ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Except(HeadNames).Distinct()];

    /// <summary>True if a module's path, or that of a module that it lies in, ends in one of those names: also in the middle of a part, as in PEFT.</summary>
    public static bool IsIn(string path, IReadOnlyCollection<string> names)
    {
        for (var end = path.Length; end > 0; end = path.LastIndexOf('.', end - 1))
        {
            if (names.Any(name => path.AsSpan(0, end).EndsWith(name, StringComparison.Ordinal))) return true;
        }

        return false;
    }

    /// <summary>All weights of the modules that names choose.</summary>
    /// <exception cref="OptionException">A name chooses nothing.</exception>
    public static IEnumerable<AdapterWeight> Modules(PreferenceModel model, string? modulesToSave)
    {
        // What is saved with the head in any case is trained already: a pooler that the folder did not bring.
        List<string> names = [.. Names(modulesToSave).Where(name => !model.SavedModules.Any(module => IsIn(module, [name])))];
        foreach (var name in names.Where(name => !model.BaseWeights.Any(w => IsIn(BaseTuning.ModuleOf(w.Name), [name]))))
        {
            var known = model.BaseWeights.Select(w => BaseTuning.ModuleOf(w.Name).Split('.')[^1])
                .Distinct(StringComparer.Ordinal)
                .Order(StringComparer.Ordinal);
            throw new OptionException($"modules_to_save names '{name}', but the model has no such module; it has {string.Join(", ", known)}.");
        }

        return model.BaseWeights.Where(w => IsIn(BaseTuning.ModuleOf(w.Name), names)).Select(w => new AdapterWeight(Root + w.Name, w, Trained: true));
    }

    /// <summary>The biases that PEFT's <c>bias</c> chooses: those of adapted layers are named as inside the adapted layer.</summary>
    /// <param name="model">The model.</param>
    /// <param name="bias">none, all or lora_only.</param>
    /// <param name="sites">The adapted layers.</param>
    /// <exception cref="OptionException">There is no such bias.</exception>
    public static IEnumerable<AdapterWeight> Biases(PreferenceModel model, string bias, IReadOnlyList<Projection> sites)
    {
        if (bias == "none") return [];
        var adapted = sites.Where(site => site.Bias is not null).ToDictionary(site => site.Bias!, site => $"{Root}{site.Path}.base_layer.bias");
        List<AdapterWeight> chosen =
        [
            .. model.BaseWeights.Where(w => adapted.ContainsKey(w) || (bias == "all" && w.Name.EndsWith(".bias", StringComparison.Ordinal)))
                .Select(w => new AdapterWeight(adapted.GetValueOrDefault(w, Root + w.Name), w, Trained: true)),
        ];
        return chosen.Count > 0
            ? chosen
            : throw new OptionException($"bias {bias} trains biases of {(bias == "all" ? "the model" : "the adapted layers")}, and there are none.");
    }
}
