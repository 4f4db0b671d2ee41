using System.Text.Json;
using LoraArena.Learning.Files;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models;

/// <summary>Where a model's weights come from while it is built.</summary>
public abstract class WeightSource : IDisposable
{
    /// <summary>The shape of a stored weight; null where none is stored.</summary>
    public abstract IReadOnlyList<long>? ShapeOf(string name);

    /// <summary>Gives a weight, on the device and in the type wanted. The caller owns it.</summary>
    /// <exception cref="ModelException">There is none, or its shape is another.</exception>
    public abstract Tensor Take(string name, long[] shape, Device device, ScalarType dtype);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases what is held open.</summary>
    protected virtual void Dispose(bool disposing)
    {
    }
}

/// <summary>The weights of a Hugging Face folder: model.safetensors, or the shards that model.safetensors.index.json names.</summary>
public sealed class CheckpointWeights : WeightSource
{
    private readonly string _folder;
    private readonly string _prefix;
    private readonly Dictionary<string, SafetensorsFile> _fileOf = new(StringComparer.Ordinal);
    private readonly HashSet<string> _taken = new(StringComparer.Ordinal);
    private readonly List<SafetensorsFile> _files = [];

    /// <summary>Opens the folder's weights.</summary>
    /// <param name="folder">The model's folder.</param>
    /// <param name="prefix">
    /// What the family's names begin with in a model with a head, such as <c>bert.</c>; a checkpoint of the bare backbone leaves it out, and both load.
    /// </param>
    /// <exception cref="ModelException">There are no weights, or not in a form that is read here.</exception>
    /// <exception cref="SafetensorsException">A file does not hold.</exception>
    public CheckpointWeights(string folder, string prefix)
    {
        (_folder, _prefix) = (folder, prefix);
        try
        {
            foreach (var path in FilesOf(folder))
            {
                var file = SafetensorsFile.Open(path);
                _files.Add(file);
                foreach (var entry in file.Entries)
                {
                    if (!_fileOf.TryAdd(entry.Name, file)) throw new ModelException(folder, $"the tensor '{entry.Name}' is in two files, {Path.GetFileName(_fileOf[entry.Name].Path)} and {Path.GetFileName(path)}");
                }
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Names in the files that no one has taken: a head of another task, most often.</summary>
    public IReadOnlyList<string> NotTaken => [.. _fileOf.Keys.Where(name => !_taken.Contains(name)).Order(StringComparer.Ordinal)];

    /// <summary>Type that most of the weights are stored in, as safetensors spells it.</summary>
    public string Dtype => _files.SelectMany(f => f.Entries).GroupBy(e => e.Dtype).MaxBy(g => g.Sum(e => e.Bytes))?.Key ?? "none";

    /// <summary>The weights' files, in order of their names.</summary>
    /// <exception cref="ModelException">There are none.</exception>
    public static IReadOnlyList<string> FilesOf(string folder)
    {
        var single = Path.Join(folder, "model.safetensors");
        if (File.Exists(single)) return [single];
        var index = Path.Join(folder, "model.safetensors.index.json");
        if (File.Exists(index)) return ShardsOf(folder, index);
        var pickle = Directory.Exists(folder) ? Directory.EnumerateFiles(folder).Select(Path.GetFileName).FirstOrDefault(f => f!.EndsWith(".bin", StringComparison.Ordinal) || f.EndsWith(".pt", StringComparison.Ordinal)) : null;
        throw new ModelException(folder, pickle is null
            ? "there is no model.safetensors and no model.safetensors.index.json"
            : $"there is {pickle}, but no model.safetensors: PyTorch pickles can run code and are never read; save the model with safetensors");
    }

    /// <inheritdoc/>
    public override IReadOnlyList<long>? ShapeOf(string name) => Find(name) is { } found ? _fileOf[found].Entry(found).Shape : null;

    /// <inheritdoc/>
    public override Tensor Take(string name, long[] shape, Device device, ScalarType dtype)
    {
        var found = Check(name, shape);
        _taken.Add(found);
        return _fileOf[found].Read(found, dtype, device);
    }

    /// <summary>Checks that a weight is there and has a shape.</summary>
    /// <returns>Its name in the files.</returns>
    /// <exception cref="ModelException">It is missing, or has another shape.</exception>
    public string Check(string name, long[] shape)
    {
        var found = Find(name) ?? throw new ModelException(_folder, $"the tensor '{name}' is missing");
        var stored = _fileOf[found].Entry(found).Shape;
        return stored.SequenceEqual(shape)
            ? found
            : throw new ModelException(_folder, $"the tensor '{found}' has shape [{string.Join(", ", stored)}], but config.json makes it [{string.Join(", ", shape)}]");
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        foreach (var file in _files) file.Dispose();
        base.Dispose(disposing);
    }

    private string? Find(string name)
    {
        if (_fileOf.ContainsKey(name)) return name;
        return name.StartsWith(_prefix, StringComparison.Ordinal) && _fileOf.ContainsKey(name[_prefix.Length..]) ? name[_prefix.Length..] : null;
    }

    private static List<string> ShardsOf(string folder, string index)
    {
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(index));
            var names = json.RootElement.GetProperty("weight_map").EnumerateObject().Select(p => p.Value.GetString() ?? "").Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
            foreach (var name in names)
            {
                if (!Core.Files.SafePath.IsPlainName(name)) throw new ModelException(folder, $"model.safetensors.index.json names the file '{name}', which is not in this folder");
                if (!File.Exists(Path.Join(folder, name))) throw new ModelException(folder, $"model.safetensors.index.json names {name}, which is missing");
            }

            return [.. names.Select(name => Path.Join(folder, name))];
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new ModelException(folder, $"model.safetensors.index.json cannot be read ({error.Message})");
        }
    }
}

/// <summary>Starting weights of a model that is trained from nothing: biases 0, norms 1, everything else N(0, σ²), as BERT's.</summary>
/// <param name="deviation">σ: config.json's <c>initializer_range</c>.</param>
public sealed class RandomWeights(double deviation) : WeightSource
{
    /// <inheritdoc/>
    public override IReadOnlyList<long>? ShapeOf(string name) => null;

    /// <inheritdoc/>
    public override Tensor Take(string name, long[] shape, Device device, ScalarType dtype)
    {
        if (name.EndsWith("bias", StringComparison.Ordinal)) return zeros(shape, dtype, device);
        if (shape.Length == 1) return ones(shape, dtype, device);
        using var scope = NewDisposeScope();
        return randn(shape, dtype, CPU).mul_(deviation).to(device).MoveToOuterDisposeScope();
    }
}

/// <summary>A model folder that cannot be used.</summary>
public sealed class ModelException(string folder, string reason) : Exception($"{folder}: {reason}.")
{
    /// <summary>The folder.</summary>
    public string Folder { get; } = folder;
}
