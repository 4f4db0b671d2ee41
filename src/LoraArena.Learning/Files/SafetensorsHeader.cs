using System.Text;
using System.Text.Json;

namespace LoraArena.Learning.Files;

/// <summary>One tensor of a safetensors file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Dtype">Its type as the format spells it: F32, BF16, I64 …</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Offset">Where its bytes begin, from the start of the file.</param>
/// <param name="Bytes">How many there are.</param>
public sealed record SafetensorsEntry(string Name, string Dtype, IReadOnlyList<long> Shape, long Offset, long Bytes)
{
    /// <summary>Number of elements.</summary>
    public long Count => Shape.Aggregate(1L, (product, size) => product * size);
}

/// <summary>
/// The header of a safetensors file, read with every promise of it checked: a length that fits the file, JSON without doubled names,
/// known types, sizes that agree with shapes, and data without overlap, hole or rest.
/// Format: https://github.com/huggingface/safetensors (8 bytes length, JSON, data).
/// </summary>
internal static class SafetensorsHeader
{
    /// <summary>Largest header that is read, in bytes.</summary>
    public const int MaxBytes = 16 << 20;

    private const int MaxDimensions = 16;

    /// <summary>Bytes an element takes, by the format's name of the type.</summary>
    public static IReadOnlyDictionary<string, int> ElementBytes { get; } = new Dictionary<string, int>(StringComparer.Ordinal)
    {
        ["BOOL"] = 1,
        ["U8"] = 1,
        ["I8"] = 1,
        ["I16"] = 2,
        ["F16"] = 2,
        ["BF16"] = 2,
        ["I32"] = 4,
        ["F32"] = 4,
        ["I64"] = 8,
        ["F64"] = 8,
    };

    /// <summary>Reads and checks a header.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="json">The header's bytes, without the length before them.</param>
    /// <param name="fileBytes">Size of the whole file.</param>
    /// <exception cref="SafetensorsException">Something does not hold.</exception>
    public static (List<SafetensorsEntry> Entries, Dictionary<string, string> Metadata) Parse(string path, ReadOnlySpan<byte> json, long fileBytes)
    {
        if (json.Length == 0 || json[0] != (byte)'{') throw new SafetensorsException(path, "the header must begin with '{'");
        try
        {
            var entries = new List<SafetensorsEntry>();
            var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
            var names = new HashSet<string>(StringComparer.Ordinal);
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 8 });
            Move(ref reader, JsonTokenType.StartObject);
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var name = reader.GetString()!;
                if (!names.Add(name)) throw new SafetensorsException(path, $"the name '{Short(name)}' stands twice in the header");
                if (name == "__metadata__") ReadMetadata(path, ref reader, metadata);
                else entries.Add(ReadEntry(path, ref reader, name, 8L + json.Length));
            }

            // Anything but white space after the closing brace is an error of the reader's own.
            if (reader.Read()) throw new SafetensorsException(path, "something follows the header's object");
            CheckLayout(path, entries, 8L + json.Length, fileBytes);
            return (entries, metadata);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or DecoderFallbackException)
        {
            throw new SafetensorsException(path, $"the header is not valid JSON ({error.Message})");
        }
    }

    private static void ReadMetadata(string path, ref Utf8JsonReader reader, Dictionary<string, string> metadata)
    {
        Move(ref reader, JsonTokenType.StartObject);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            Move(ref reader, JsonTokenType.String);
            if (!metadata.TryAdd(key, reader.GetString()!)) throw new SafetensorsException(path, $"the metadata key '{Short(key)}' stands twice");
        }
    }

    private static SafetensorsEntry ReadEntry(string path, ref Utf8JsonReader reader, string name, long dataStart)
    {
        string? dtype = null;
        List<long>? shape = null;
        List<long>? offsets = null;
        Move(ref reader, JsonTokenType.StartObject);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var field = reader.GetString();
            switch (field)
            {
                case "dtype" when dtype is null:
                    Move(ref reader, JsonTokenType.String);
                    dtype = reader.GetString();
                    break;
                case "shape" when shape is null:
                    shape = ReadNumbers(path, ref reader, name, MaxDimensions);
                    break;
                case "data_offsets" when offsets is null:
                    offsets = ReadNumbers(path, ref reader, name, 2);
                    break;
                default:
                    throw new SafetensorsException(path, $"tensor '{Short(name)}' has a field '{Short(field!)}' that is unknown or doubled");
            }
        }

        if (dtype is null || shape is null || offsets is not { Count: 2 })
        {
            throw new SafetensorsException(path, $"tensor '{Short(name)}' lacks dtype, shape or data_offsets");
        }

        if (!ElementBytes.TryGetValue(dtype, out var elementBytes))
        {
            throw new SafetensorsException(path, $"tensor '{Short(name)}' has dtype '{Short(dtype)}', which is not supported{Quantised(dtype)}");
        }

        if (offsets[0] > offsets[1]) throw new SafetensorsException(path, $"tensor '{Short(name)}' ends at {offsets[1]}, before it begins at {offsets[0]}");
        long bytes;
        try
        {
            bytes = shape.Aggregate((long)elementBytes, (product, size) => checked(product * size));
        }
        catch (OverflowException)
        {
            throw new SafetensorsException(path, $"the shape of tensor '{Short(name)}' is too large for any file");
        }

        if (bytes != offsets[1] - offsets[0])
        {
            throw new SafetensorsException(
                path,
                $"tensor '{Short(name)}' of shape [{string.Join(", ", shape)}] and dtype {dtype} takes {bytes} bytes, but the header gives it {offsets[1] - offsets[0]}");
        }

        if (offsets[1] > long.MaxValue - dataStart) throw new SafetensorsException(path, $"tensor '{Short(name)}' ends beyond any file");
        return new SafetensorsEntry(name, dtype, shape, dataStart + offsets[0], bytes);
    }

    private static List<long> ReadNumbers(string path, ref Utf8JsonReader reader, string name, int max)
    {
        var numbers = new List<long>();
        Move(ref reader, JsonTokenType.StartArray);
        while (reader.Read() && reader.TokenType == JsonTokenType.Number)
        {
            if (!reader.TryGetInt64(out var number) || number < 0)
            {
                throw new SafetensorsException(path, $"tensor '{Short(name)}' has a size or offset that is not a whole number from 0");
            }

            if (numbers.Count == max) throw new SafetensorsException(path, $"tensor '{Short(name)}' has more than {max} sizes or offsets");
            numbers.Add(number);
        }

        if (reader.TokenType != JsonTokenType.EndArray)
        {
            throw new SafetensorsException(path, $"tensor '{Short(name)}' has a size or offset that is not a number");
        }

        return numbers;
    }

    private static void CheckLayout(string path, List<SafetensorsEntry> entries, long dataStart, long fileBytes)
    {
        var end = dataStart;
        foreach (var entry in entries.OrderBy(e => e.Offset).ThenBy(e => e.Bytes))
        {
            if (entry.Offset != end)
            {
                throw new SafetensorsException(
                    path,
                    $"tensor '{Short(entry.Name)}' begins at byte {entry.Offset}, but the data before it ends at {end}: tensors overlap or leave a hole");
            }

            end = entry.Offset + entry.Bytes;
        }

        if (end != fileBytes)
        {
            throw new SafetensorsException(path, $"the header describes {end} bytes, but the file has {fileBytes}: it is cut off or something was added");
        }
    }

    private static void Move(ref Utf8JsonReader reader, JsonTokenType wanted)
    {
        if (!reader.Read() || reader.TokenType != wanted)
        {
            throw new JsonException($"{wanted} expected at byte {reader.TokenStartIndex}, {reader.TokenType} found");
        }
    }

    // F8_E4M3, F4, F6_E2M3 …
    private static string Quantised(string dtype)
        => dtype.StartsWith("F8", StringComparison.Ordinal)
            || dtype.StartsWith("F4", StringComparison.Ordinal)
            || dtype.StartsWith("F6", StringComparison.Ordinal)
        ? ": its numbers are quantised to 8 bits or fewer; take the model in 16 or 32 bits"
        : "";

    private static string Short(string text) => text.Length <= 80 ? text : text[..80] + "…";
}

/// <summary>A safetensors file that cannot be trusted or read.</summary>
public sealed class SafetensorsException(string path, string reason) : Exception($"{path}: {reason}.")
{
    /// <summary>The file.</summary>
    public string Path { get; } = path;
}
