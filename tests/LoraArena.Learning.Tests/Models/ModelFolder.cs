using System.Text.Json.Nodes;
using LoraArena.Learning.Files;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Models;

/// <summary>A copy of a fixture's model that tests may damage.</summary>
internal sealed class ModelFolder : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    /// <summary>Copies config.json and the weights of a fixture.</summary>
    public ModelFolder(string fixture)
    {
        foreach (var name in new[] { "config.json", "model.safetensors" }) File.Copy(Torch.Fixture(fixture, name), _folder.At(name));
    }

    /// <summary>The folder.</summary>
    public string Path => _folder.Path;

    /// <summary>Changes config.json.</summary>
    public ModelFolder Config(Action<JsonObject> change)
    {
        var config = JsonNode.Parse(File.ReadAllBytes(_folder.At("config.json")))!.AsObject();
        change(config);
        _folder.Write("config.json", config.ToJsonString());
        return this;
    }

    /// <summary>Writes any file.</summary>
    public ModelFolder Write(string name, string content)
    {
        _folder.Write(name, content);
        return this;
    }

    /// <summary>Removes a file.</summary>
    public ModelFolder Remove(string name)
    {
        File.Delete(_folder.At(name));
        return this;
    }

    /// <summary>Replaces the weights by what <paramref name="change"/> makes of them, in any number of files.</summary>
    public ModelFolder Weights(Func<Dictionary<string, Tensor>, Dictionary<string, Dictionary<string, Tensor>>> change)
    {
        using var scope = NewDisposeScope();
        var path = _folder.At("model.safetensors");
        Dictionary<string, Tensor> tensors;
        using (var file = SafetensorsFile.Open(path)) tensors = file.Entries.ToDictionary(e => e.Name, e => file.Read(e.Name));
        File.Delete(path);
        foreach (var (name, content) in change(tensors)) SafetensorsWriter.Write(_folder.At(name), content);
        return this;
    }

    /// <summary>Replaces the weights, in the one file.</summary>
    public ModelFolder Weights(Func<Dictionary<string, Tensor>, Dictionary<string, Tensor>> change)
        => Weights(tensors => new Dictionary<string, Dictionary<string, Tensor>> { ["model.safetensors"] = change(tensors) });

    public void Dispose() => _folder.Dispose();
}
