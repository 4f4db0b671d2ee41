using System.Text.Json;

namespace LoraArena.Learning.Models;

/// <summary>Tells a folder with a PEFT adapter from one with a model.</summary>
internal static class AdapterFolder
{
    private const long MaxBytes = 1 << 20;

    /// <summary>Refuses a folder that holds an adapter, with the name of the model that it belongs to.</summary>
    /// <exception cref="ModelException">It holds one.</exception>
    public static void Refuse(string folder)
    {
        var path = Path.Join(folder, "adapter_config.json");
        if (!File.Exists(path)) return;
        var (kind, baseName) = Read(path);
        throw new ModelException(folder, $"this is an adapter{kind}, not a model; register its base model{baseName} instead, or merge the two first");
    }

    private static (string Kind, string BaseName) Read(string path)
    {
        if (new FileInfo(path).Length > MaxBytes) return ("", "");
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(path));
            return (
                Text(json.RootElement, "peft_type") is { } kind ? $" ({kind})" : "",
                Text(json.RootElement, "base_model_name_or_path") is { Length: > 0 } name ? $" '{name}'" : "");
        }
        catch (JsonException)
        {
            return ("", "");
        }
    }

    private static string? Text(JsonElement root, string name)
        => root.ValueKind == JsonValueKind.Object && root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;
}
