using System.Text.Json.Nodes;
using LoraArena.Learning.Models;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Peft;

// R rank, I features in, O features out.

/// <summary>
/// Turns any trained method into plain LoRA: what merging it changes of each weight W is written by its singular values, ΔW = B A with A = √S Vᵀ and
/// B = U √S. Biases and norms that changed go along under PEFT's <c>bias</c> and <c>modules_to_save</c>.
/// </summary>
public static class LoraConversion
{
    /// <summary>Most ranks that a layer is written with where no rank is given.</summary>
    public const int MaxRank = 1024;

    private const string Root = "base_model.model.";

    // Below these a singular value is rounding: of the update itself, and of the weight that it was computed with.
    private const double RoundingOfUpdate = 1e-6;
    private const double RoundingOfWeight = 6e-8;

    /// <summary>
    /// Writes the adapter folder. Afterwards <paramref name="plain"/> has the weights that the written adapter gives, so that its logits
    /// can be compared.
    /// </summary>
    /// <param name="folder">Where to; made if need be.</param>
    /// <param name="model">The trained model; its adapter is merged.</param>
    /// <param name="plain">The base model as it was before the training.</param>
    /// <param name="baseName">Name of the base model, for whoever loads the adapter.</param>
    /// <param name="rank">Ranks to keep at most; null for as many as there are.</param>
    /// <exception cref="Core.Runs.OptionException">The method cannot be merged.</exception>
    public static ConvertedLora Write(string folder, PreferenceModel model, PreferenceModel plain, string baseName, int? rank)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        model.Merge();
        var (tensors, ranks) = (new Dictionary<string, Tensor>(StringComparer.Ordinal), new Dictionary<string, int>(StringComparer.Ordinal));
        foreach (var (merged, site) in model.Sites.Zip(plain.Sites)) Factor(merged, site, rank ?? MaxRank, tensors, ranks);

        // PEFT wants a layer to adapt, so where none has changed it gets one that does nothing.
        if (ranks.Count == 0) Nothing(plain.Sites[0], tensors, ranks);
        var (biases, modules) = Beside(model, plain, ranks, tensors);
        foreach (var (trained, head) in model.HeadWeights.Zip(plain.HeadWeights)) head.Value.copy_(trained.Value);
        var max = ranks.Values.Max();
        var config = new JsonObject
        {
            ["peft_type"] = "LORA",
            ["r"] = max,
            ["lora_alpha"] = max,
            ["lora_dropout"] = 0.0,
            ["init_lora_weights"] = true,
            ["bias"] = biases ? "all" : "none",
            ["fan_in_fan_out"] = false,
            ["rank_pattern"] = Pattern(ranks, max),
            ["alpha_pattern"] = Pattern(ranks, max),
            ["use_rslora"] = false,
            ["use_dora"] = false,
        };
        PeftFolder.Write(folder, plain, baseName, new PeftAdapter(config, tensors), [.. ranks.Keys], modules);
        return new ConvertedLora(ranks.Count, max, ranks.Values.Sum());
    }

    private static void Factor(Projection merged, Projection plain, int max, Dictionary<string, Tensor> tensors, Dictionary<string, int> ranks)
    {
        using var scope = NewDisposeScope();
        var (before, after) = (plain.Weight.Value.to(ScalarType.Float32), merged.Weight.Value.to(ScalarType.Float32));
        var (u, s, vh) = linalg.svd(after - before, fullMatrices: false);
        var rounding = RoundingOfWeight * before.abs().max().ToDouble() * Math.Sqrt(Math.Max(before.shape[0], before.shape[1]));
        var floor = Math.Max(RoundingOfUpdate * s[0].ToDouble(), rounding);
        var rank = Math.Min(max, (int)s.gt(floor).sum().ToInt64());
        if (rank == 0) return;
        var root = s.narrow(0, 0, rank).sqrt();
        var a = (root.unsqueeze(1) * vh.narrow(0, 0, rank)).contiguous();
        var b = (u.narrow(1, 0, rank) * root).contiguous();
        plain.Weight.Value.copy_(before + mm(b, a));
        ranks.Add(plain.Path, rank);
        tensors.Add(KeyOf(plain, "lora_A.weight"), a.MoveToOuterDisposeScope());
        tensors.Add(KeyOf(plain, "lora_B.weight"), b.MoveToOuterDisposeScope());
    }

    // What changed besides the weights of linear layers: whether biases did, and the modules that are written whole.
    private static (bool Biases, IReadOnlyList<string> Modules) Beside(
        PreferenceModel model, PreferenceModel plain, Dictionary<string, int> ranks, Dictionary<string, Tensor> tensors)
    {
        var weights = plain.Sites.Select(site => site.Weight).ToHashSet();
        var sites = plain.Sites.Where(site => site.Bias is not null).ToDictionary(site => site.Bias!, site => site.Path);
        var (biases, modules) = (false, new List<string>());
        foreach (var (after, before) in model.BaseWeights.Zip(plain.BaseWeights))
        {
            if (weights.Contains(before) || after.Value.Equals(before.Value)) continue;
            before.Value.copy_(after.Value);
            if (IsBias(before)) biases = true;
            else modules.Add(ModuleOf(before));
        }

        // Where PEFT's settings say that they are there, the ones that have not changed are too.
        foreach (var weight in plain.BaseWeights.Where(w => !weights.Contains(w) && ((biases && IsBias(w)) || modules.Contains(ModuleOf(w)))))
        {
            var adapted = sites.TryGetValue(weight, out var site) && ranks.ContainsKey(site);
            tensors.Add(adapted ? $"{Root}{site}.base_layer.bias" : Root + weight.Name, weight.Value);
        }

        return (biases, modules);

        static bool IsBias(Weight weight) => weight.Name.EndsWith(".bias", StringComparison.Ordinal);
        static string ModuleOf(Weight weight) => weight.Name[..weight.Name.LastIndexOf('.')];
    }

    private static void Nothing(Projection site, Dictionary<string, Tensor> tensors, Dictionary<string, int> ranks)
    {
        ranks.Add(site.Path, 1);
        tensors.Add(KeyOf(site, "lora_A.weight"), zeros([1, site.InFeatures], ScalarType.Float32, CPU));
        tensors.Add(KeyOf(site, "lora_B.weight"), zeros([site.OutFeatures, 1], ScalarType.Float32, CPU));
    }

    private static string KeyOf(Projection site, string name) => $"{Root}{site.Path}.{name}";

    private static JsonObject Pattern(Dictionary<string, int> ranks, int max)
        => new(ranks.Where(p => p.Value != max).Select(p => KeyValuePair.Create<string, JsonNode?>(p.Key, p.Value)));
}

/// <summary>What a conversion came to.</summary>
/// <param name="Layers">Layers that carry a pair.</param>
/// <param name="MaxRank">The largest rank.</param>
/// <param name="TotalRank">The ranks of all layers together.</param>
public sealed record ConvertedLora(int Layers, int MaxRank, int TotalRank);
