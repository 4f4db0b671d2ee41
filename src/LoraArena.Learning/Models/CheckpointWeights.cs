using System.Text.Json;
using LoraArena.Learning.Files;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Models;

/// <summary>The weights of a Hugging Face folder: model.safetensors, or the shards that model.safetensors.index.json names.</summary>
public sealed class CheckpointWeights : WeightSource
{
    private readonly string _folder;
    private readonly string _prefix;
    private readonly Dictionary<string, StoredTensor> _stored = new(StringComparer.Ordinal);
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
            foreach (var path in FilesOf(folder)) Add(SafetensorsFile.Open(path));
            QuantizedModel.RefuseCompanions(folder, _stored.Values.Select(s => s.Entry.Name));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Names in the files that no one has taken: a head of another task, most often.</summary>
    public IReadOnlyList<string> NotTaken => [.. _stored.Where(s => !_taken.Contains(s.Key)).Select(s => s.Value.Entry.Name).Order(StringComparer.Ordinal)];

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
        AdapterFolder.Refuse(folder);
        var pickle = Directory.Exists(folder)
            ? Directory.EnumerateFiles(folder)
                .Select(Path.GetFileName)
                .FirstOrDefault(f => f!.EndsWith(".bin", StringComparison.Ordinal) || f.EndsWith(".pt", StringComparison.Ordinal))
            : null;
        throw new ModelException(folder, pickle is null
            ? "there is no model.safetensors and no model.safetensors.index.json"
            : $"there is {pickle}, but no model.safetensors: PyTorch pickles can run code and are never read; save the model with safetensors");
    }

    /// <inheritdoc/>
    public override IReadOnlyList<long>? ShapeOf(string name) => Find(name) is { } found ? _stored[found].Entry.Shape : null;

    /// <inheritdoc/>
    public override Tensor Take(string name, long[] shape, Device device, ScalarType dtype)
    {
        var (file, entry) = Check(name, shape);
        return file.Read(entry.Name, dtype, device);
    }

    /// <summary>Checks that a weight is there and has a shape and a type that is read here, and takes it.</summary>
    /// <exception cref="ModelException">It is missing, has another shape, or is quantised.</exception>
    public StoredTensor Check(string name, long[] shape)
    {
        var found = Find(name) ?? throw new ModelException(_folder, $"the tensor '{name}' is missing");
        var stored = _stored[found];
        var entry = stored.Entry;
        QuantizedModel.RefuseType(_folder, entry);
        if (!entry.Shape.SequenceEqual(shape))
        {
            throw new ModelException(
                _folder,
                $"the tensor '{entry.Name}' has shape [{string.Join(", ", entry.Shape)}], but config.json makes it [{string.Join(", ", shape)}]");
        }

        _taken.Add(found);
        return stored;
    }

    /// <summary>Looks at what a finished model has not taken.</summary>
    /// <returns>Names of tensors that are neither part of the model nor of a head of another task: something to warn of.</returns>
    /// <exception cref="ModelException">
    /// Some belong to the backbone: layers or biases that config.json leaves out, so that another model than the file's would be computed.
    /// </exception>
    public IReadOnlyList<string> CheckLeft()
    {
        var left = _stored.Keys.Where(name => !_taken.Contains(name) && !LeftOut.IsExpected(name)).Order(StringComparer.Ordinal).ToList();
        var parts = _taken.Select(FirstPart).ToHashSet(StringComparer.Ordinal);
        var inside = left.Where(name => parts.Contains(FirstPart(name))).ToList();
        if (inside.Count > 0)
        {
            throw new ModelException(
                _folder,
                $"the files hold {LeftOut.Name(inside)}, for which config.json leaves no place; with another config.json they would be used, so this one is not theirs");
        }

        return left;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        foreach (var file in _files) file.Dispose();
        base.Dispose(disposing);
    }

    private void Add(SafetensorsFile file)
    {
        _files.Add(file);
        foreach (var entry in file.Entries)
        {
            var name = OldNames.Current(entry.Name);
            if (_stored.TryAdd(name, new StoredTensor(file, entry))) continue;
            var other = _stored[name];
            throw new ModelException(_folder, other.Entry.Name == entry.Name
                ? $"the tensor '{entry.Name}' is in two files, {Path.GetFileName(other.File.Path)} and {Path.GetFileName(file.Path)}"
                : $"the tensors '{other.Entry.Name}' and '{entry.Name}' are two names of one");
        }
    }

    private string? Find(string name)
    {
        if (_stored.ContainsKey(name)) return name;
        return name.StartsWith(_prefix, StringComparison.Ordinal) && _stored.ContainsKey(name[_prefix.Length..]) ? name[_prefix.Length..] : null;
    }

    // encoder, embeddings, layers …: what the backbone is made of.
    private string FirstPart(string name)
    {
        var bare = name.StartsWith(_prefix, StringComparison.Ordinal) ? name[_prefix.Length..] : name;
        return bare.IndexOf('.', StringComparison.Ordinal) is > 0 and var dot ? bare[..dot] : bare;
    }

    private static List<string> ShardsOf(string folder, string index)
    {
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(index));
            var names = json.RootElement.GetProperty("weight_map")
                .EnumerateObject()
                .Select(p => p.Value.GetString() ?? "")
                .Distinct(StringComparer.Ordinal)
                .Order(StringComparer.Ordinal)
                .ToList();
            foreach (var name in names)
            {
                if (!Core.Files.SafePath.IsPlainName(name))
                {
                    throw new ModelException(folder, $"model.safetensors.index.json names the file '{name}', which is not in this folder");
                }

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

/// <summary>A tensor in a file.</summary>
/// <param name="File">The file.</param>
/// <param name="Entry">What its header says of it.</param>
public sealed record StoredTensor(SafetensorsFile File, SafetensorsEntry Entry);
