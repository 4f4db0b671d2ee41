using System.Security.Cryptography;
using System.Text;
using LoraArena.Core.Files;
using LoraArena.Core.Models;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Packing;
using LoraArena.Learning.Variants;
using LoraArena.Tokenizers;
using TorchSharp;

namespace LoraArena.Worker.Running;

/// <summary>Looks into a model folder: is everything there, and what is it?</summary>
internal static class ModelInspector
{
    private const string TokenizerJson = "tokenizer.json";
    private const string TokenizerConfig = "tokenizer_config.json";

    /// <summary>Checks that a folder can be trained and describes it.</summary>
    /// <exception cref="ModelException">It cannot.</exception>
    /// <exception cref="TokenizerException">Its tokenizer cannot be used.</exception>
    public static ModelInspection Inspect(string folder)
    {
        TorchRuntime.Load();
        var (family, config) = ModelCatalog.Read(folder);
        var tokenizer = HuggingFaceTokenizer.Load(folder);
        EmbeddingRows.Check(folder, new BattleTokenizer(tokenizer, family.Kind, config).Template, config.VocabularySize);
        using var weights = new CheckpointWeights(folder, family.Prefix);
        using var model = Shapes(family, config, weights);
        var left = weights.CheckLeft();
        return new ModelInspection(
            family.ModelType,
            family.Kind == ModelKind.Encoder ? "encoder" : "decoder",
            model.BaseWeights.Sum(w => w.Count),
            config.Layers,
            config.HiddenSize,
            config.MaxPositions,
            config.VocabularySize,
            weights.Dtype,
            CheckpointWeights.FilesOf(folder).Sum(f => new FileInfo(f).Length),
            Hash(folder),
            TargetModules.CountSuffixes(model.Sites),
            ModelLicense.Of(folder),
            Head(model, config, weights),
            ActivationBytesPerToken(model),
            left.Count > 0 ? [$"Tensors that nothing takes: {string.Join(", ", left)}."] : null);
    }

    private static string Head(PreferenceModel model, ModelConfig config, CheckpointWeights weights)
    {
        if (model.HeadOrigin == HeadOrigin.Folder) return "its own, whose labels are the outcomes";
        if (weights.ShapeOf(model.Family.Head(config).Output + ".weight") is not { } shape) return "new";
        var labels = config.Labels?.Count == shape[0] ? $" ({string.Join(", ", config.Labels.Take(5))})" : "";
        return $"new: its own is for {shape[0]} other labels{labels}";
    }

    // The backward pass keeps what each linear layer reads and what it gives, and about four states of the model's width for norms and sums.
    private static long ActivationBytesPerToken(PreferenceModel model)
        => sizeof(float) * (model.Sites.Sum(site => site.InFeatures + site.OutFeatures) + (4L * model.Config.Layers * model.Config.HiddenSize));

    /// <summary>The model without its numbers: every name and shape is checked, and nothing is loaded.</summary>
    /// <exception cref="ModelException">The folder cannot be used.</exception>
    public static PreferenceModel Shapes(string folder)
    {
        TorchRuntime.Load();
        var (family, config) = ModelCatalog.Read(folder);
        using var weights = new CheckpointWeights(folder, family.Prefix);
        var model = Shapes(family, config, weights);
        weights.CheckLeft();
        return model;
    }

    /// <summary>SHA-256 over the names and SHA-256 of config.json, the tokenizer's files and the weights' files, in order of their names.</summary>
    public static string Hash(string folder) => Sum(Sums(folder, FileSums.Compute));

    /// <summary>
    /// True if a folder's files are those that a hash was made of. Cards from before all of the tokenizer's files counted hold one without
    /// the rest.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <param name="sha256">The hash.</param>
    /// <param name="known">Sums of files from earlier runs.</param>
    public static bool Matches(string folder, string sha256, FileSums known)
    {
        var sums = Sums(folder, known.Of);
        return sha256 == Sum(sums)
            || sha256 == Sum(sums.Where(sum => sum.Name is TokenizerJson or TokenizerConfig || !TokenizerFiles.Names.Contains(sum.Name)))
            || sha256 == Sum(sums.Where(sum => sum.Name is TokenizerJson || !TokenizerFiles.Names.Contains(sum.Name)));
    }

    private static List<(string Name, string Sha256)> Sums(string folder, Func<string, string> sumOf)
    {
        var config = Path.Join(folder, "config.json");
        var files = TokenizerFiles.In(folder).Concat(CheckpointWeights.FilesOf(folder));
        if (File.Exists(config)) files = files.Append(config);
        return [.. files.Order(StringComparer.Ordinal).Select(file => (Path.GetFileName(file), sumOf(file)))];
    }

    private static string Sum(IEnumerable<(string Name, string Sha256)> files)
        => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Concat(files.Select(file => $"{file.Sha256}  {file.Name}\n")))));

    // On the meta device tensors have shapes but no memory.
    private static PreferenceModel Shapes(ModelFamily family, ModelConfig config, CheckpointWeights weights)
    {
        using var shapes = new ShapesOnly(weights);
        return PreferenceModel.Build(family, config, shapes, torch.META, seed: 0);
    }

    // Answers with empty tensors of the shapes that the files hold.
    private sealed class ShapesOnly(CheckpointWeights weights) : WeightSource
    {
        public override IReadOnlyList<long>? ShapeOf(string name) => weights.ShapeOf(name);

        public override torch.Tensor Take(string name, long[] shape, torch.Device device, torch.ScalarType dtype)
        {
            weights.Check(name, shape);
            return torch.empty(shape, dtype, device);
        }
    }
}
