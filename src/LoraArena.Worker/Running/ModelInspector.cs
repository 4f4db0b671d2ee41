using System.Security.Cryptography;
using System.Text;
using LoraArena.Core.Models;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Variants;
using LoraArena.Tokenizers;
using TorchSharp;

namespace LoraArena.Worker.Running;

/// <summary>Looks into a model folder: is everything there, and what is it?</summary>
internal static class ModelInspector
{
    /// <summary>Checks that a folder can be trained and describes it.</summary>
    /// <exception cref="ModelException">It cannot.</exception>
    /// <exception cref="TokenizerException">Its tokenizer cannot be used.</exception>
    public static ModelInspection Inspect(string folder)
    {
        TorchRuntime.Load();
        var (family, config) = ModelCatalog.Read(folder);
        _ = HuggingFaceTokenizer.Load(folder);
        using var weights = new CheckpointWeights(folder, family.Prefix);
        using var model = Shapes(family, config, weights);
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
            TargetModules.CountSuffixes(model.Sites));
    }

    /// <summary>The model without its numbers: every name and shape is checked, and nothing is loaded.</summary>
    /// <exception cref="ModelException">The folder cannot be used.</exception>
    public static PreferenceModel Shapes(string folder)
    {
        TorchRuntime.Load();
        var (family, config) = ModelCatalog.Read(folder);
        using var weights = new CheckpointWeights(folder, family.Prefix);
        return Shapes(family, config, weights);
    }

    /// <summary>SHA-256 over the names and SHA-256 of config.json, tokenizer.json and the weights' files.</summary>
    public static string Hash(string folder)
    {
        var files = new[] { "config.json", "tokenizer.json" }.Select(name => Path.Join(folder, name)).Where(File.Exists).Concat(CheckpointWeights.FilesOf(folder));
        var lines = new StringBuilder();
        foreach (var file in files.Order(StringComparer.Ordinal))
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 20, FileOptions.SequentialScan);
            lines.Append(Convert.ToHexStringLower(SHA256.HashData(stream))).Append("  ").Append(Path.GetFileName(file)).Append('\n');
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(lines.ToString())));
    }

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
