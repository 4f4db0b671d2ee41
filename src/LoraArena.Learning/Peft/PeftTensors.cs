using System.Text.Json.Nodes;
using LoraArena.Learning.Files;
using static TorchSharp.torch;

namespace LoraArena.Learning.Peft;

/// <summary>The tensors of an adapter file while they are read into a model: each is taken once, and none may be left over.</summary>
public sealed class PeftTensors : IDisposable
{
    private readonly string _path;
    private readonly IReadOnlyList<SafetensorsFile> _files;
    private readonly HashSet<string> _left;

    private PeftTensors(string path, IReadOnlyList<SafetensorsFile> files)
    {
        (_path, _files) = (path, files);
        _left = files.SelectMany(file => file.Entries).Select(entry => entry.Name).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>Opens the file.</summary>
    public static PeftTensors Open(string path) => new(path, [SafetensorsFile.Open(path)]);

    /// <summary>Opens two files as one: what both have is taken from the first.</summary>
    public static PeftTensors Open(string first, string second)
    {
        var over = SafetensorsFile.Open(first);
        try
        {
            return new PeftTensors(first, [over, SafetensorsFile.Open(second)]);
        }
        catch
        {
            over.Dispose();
            throw;
        }
    }

    /// <summary>True if the file has that tensor.</summary>
    public bool Has(string key) => _files.Any(file => file.Contains(key));

    /// <summary>The sizes of a tensor.</summary>
    /// <exception cref="PeftException">It is missing.</exception>
    public IReadOnlyList<long> ShapeOf(string key)
        => _files.SelectMany(file => file.Entries).FirstOrDefault(entry => entry.Name == key)?.Shape ?? throw Missing(key);

    /// <summary>A tensor of the shape that is needed; it belongs to the caller's dispose scope.</summary>
    /// <exception cref="PeftException">It is missing or of another shape.</exception>
    public Tensor Take(string key, params long[] shape)
    {
        if (!Has(key)) throw Missing(key);
        _left.Remove(key);
        var stored = _files.First(file => file.Contains(key)).Read(key);
        return stored.shape.SequenceEqual(shape)
            ? stored
            : throw new PeftException(_path, $"the tensor '{key}' has shape [{string.Join(", ", stored.shape)}]; [{string.Join(", ", shape)}] is needed");
    }

    /// <summary>Passes over tensors that say nothing new, such as copies of shared ones.</summary>
    public void Ignore(Predicate<string> key) => _left.RemoveWhere(key);

    /// <summary>Refuses a file of which something is left over.</summary>
    /// <exception cref="PeftException">A tensor was not taken.</exception>
    public void RequireAllTaken()
    {
        if (_left.Order(StringComparer.Ordinal).FirstOrDefault() is { } extra)
        {
            throw new PeftException(_path, $"the tensor '{extra}' has no place in this model");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var file in _files) file.Dispose();
    }

    private PeftException Missing(string key) => new(_path, $"the tensor '{key}' is missing");
}

/// <summary>An adapter as its folder has it.</summary>
/// <param name="Config">Fields of adapter_config.json that are the variant's own.</param>
/// <param name="Tensors">Tensors by key, the head's left out.</param>
public sealed record PeftAdapter(JsonObject Config, IReadOnlyDictionary<string, Tensor> Tensors);
