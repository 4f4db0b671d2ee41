using static TorchSharp.torch;

namespace LoraArena.Learning.Files;

/// <summary>Types of numbers, as safetensors spells them.</summary>
internal static class Dtypes
{
    // In the order in which Hugging Face's library ranks them.
    private static readonly (string Name, ScalarType Type)[] Ranked =
    [
        ("BOOL", ScalarType.Bool),
        ("U8", ScalarType.Byte),
        ("I8", ScalarType.Int8),
        ("I16", ScalarType.Int16),
        ("F16", ScalarType.Float16),
        ("BF16", ScalarType.BFloat16),
        ("I32", ScalarType.Int32),
        ("F32", ScalarType.Float32),
        ("F64", ScalarType.Float64),
        ("I64", ScalarType.Int64),
    ];

    private static readonly Dictionary<string, ScalarType> ByName = Ranked.ToDictionary(r => r.Name, r => r.Type, StringComparer.Ordinal);
    private static readonly Dictionary<ScalarType, string> Names = Ranked.ToDictionary(r => r.Type, r => r.Name);

    /// <summary>The type of that name; the header has been checked for unknown ones.</summary>
    public static ScalarType Parse(string name) => ByName[name];

    /// <summary>Place of a type among all: writers put the highest first; −1 for a type without a name.</summary>
    public static int Rank(ScalarType type) => Array.FindIndex(Ranked, r => r.Type == type);

    /// <summary>The name of a type.</summary>
    public static string Name(ScalarType type)
        => Names.TryGetValue(type, out var name) ? name : throw new NotSupportedException($"safetensors has no name for {type}.");
}
