using static TorchSharp.torch;

namespace LoraArena.Learning.Files;

/// <summary>Types of numbers, as safetensors spells them.</summary>
internal static class Dtypes
{
    private static readonly Dictionary<string, ScalarType> ByName = new(StringComparer.Ordinal)
    {
        ["BOOL"] = ScalarType.Bool,
        ["U8"] = ScalarType.Byte,
        ["I8"] = ScalarType.Int8,
        ["I16"] = ScalarType.Int16,
        ["I32"] = ScalarType.Int32,
        ["I64"] = ScalarType.Int64,
        ["F16"] = ScalarType.Float16,
        ["BF16"] = ScalarType.BFloat16,
        ["F32"] = ScalarType.Float32,
        ["F64"] = ScalarType.Float64,
    };

    private static readonly Dictionary<ScalarType, string> Names = ByName.ToDictionary(p => p.Value, p => p.Key);

    /// <summary>The type of that name; the header has been checked for unknown ones.</summary>
    public static ScalarType Parse(string name) => ByName[name];

    /// <summary>The name of a type.</summary>
    public static string Name(ScalarType type) => Names.TryGetValue(type, out var name) ? name : throw new NotSupportedException($"safetensors has no name for {type}.");
}
