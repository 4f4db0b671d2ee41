using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using LoraArena.Core.Statistics;

namespace LoraArena.Tokenizers.Tests;

/// <summary>Damage to files: bytes changed, taken out, doubled, or replaced by what a reader may stumble over; in JSON also whole parts.</summary>
internal static class Mutations
{
    private static readonly byte[] Stumbling = [.. "0123456789-[]{},:\"\\.eE"u8, 0x00, 0x7F, 0x80, 0xFF];

    // The first is no text, so that only bytes can be replaced by it.
    private static readonly string[] Values =
    [
        "\"\\ud800\"",
        "null", "true", "false", "0", "1", "-1", "255", "4194303", "4194304", "2147483647", "9223372036854775807", "1e308", "0.1",
        "\"\"", "\" \"", "\"a\"", "\"\\u0000\"",
        "\"\\ud83d\\udc4d\"", "\"Sequence\"", "\"ByteLevel\"", "\"Metaspace\"", "\"Precompiled\"",
        "\"BPE\"", "\"Unigram\"", "\"WordPiece\"", "\"(a|a)+$\"", "\"\\\\s+(?!\\\\S)|[\"",
        "\"AAAA\"", "[]", "{}", "[[]]", "[null]",
        "{\"type\":\"Sequence\",\"normalizers\":[]}", "{\"String\":\"\"}", "{\"Regex\":\"(.*)*b\"}", "[\"a\",-1]", "[\"a\",\"b\"]",
    ];

    /// <summary>A damaged file.</summary>
    public static byte[] Damage(byte[] original, SeededRandom random)
    {
        if (original[0] == '{' && random.Next(2) == 0) return DamageParts(original, random);
        var bytes = original.ToList();
        for (var changes = 1 + random.Next(4); changes > 0 && bytes.Count > 1; changes--) Change(bytes, random);
        return [.. bytes];
    }

    private static void Change(List<byte> bytes, SeededRandom random)
    {
        var at = random.Next(bytes.Count);
        var length = Math.Min(1 + random.Next(40), bytes.Count - at);
        switch (random.Next(7))
        {
            case 0: bytes[at] = (byte)random.Next(256); break;
            case 1: bytes[at] ^= (byte)(1 << random.Next(8)); break;
            case 2: bytes.RemoveRange(at, length); break;
            case 3: bytes.InsertRange(at, bytes.GetRange(at, length)); break;
            case 4: bytes.InsertRange(at, Encoding.UTF8.GetBytes(Values[random.Next(Values.Length)])); break;
            case 5 when random.Next(8) == 0: bytes.RemoveRange(at, bytes.Count - at); break;
            default: bytes[at] = Stumbling[random.Next(Stumbling.Length)]; break;
        }
    }

    private static byte[] DamageParts(byte[] original, SeededRandom random)
    {
        var root = JsonNode.Parse(original)!;
        for (var changes = 1 + random.Next(3); changes > 0; changes--)
        {
            // The sections are as likely as all their parts together, so that a vocabulary does not take every hit.
            var part = root;
            while (Children(part) is { Count: > 0 } children && (part == root || random.Next(4) > 0))
            {
                part = children[random.Next(children.Count)];
            }

            if (part != root) Replace(part, root, random);
        }

        return JsonSerializer.SerializeToUtf8Bytes(root);
    }

    private static void Replace(JsonNode part, JsonNode root, SeededRandom random)
    {
        var parent = part.Parent!;
        var sections = Children(root);
        var value = JsonNode.Parse(Values[1 + random.Next(Values.Length - 1)]);
        var other = random.Next(3) == 0 ? sections[random.Next(sections.Count)].DeepClone() : value;
        if (parent is JsonArray array)
        {
            var at = array.IndexOf(part);
            if (random.Next(3) == 0) array.RemoveAt(at);
            else if (random.Next(2) == 0) array.Insert(at, part.DeepClone());
            else array[at] = other;
        }
        else
        {
            var name = part.GetPropertyName();
            if (random.Next(4) == 0) parent.AsObject().Remove(name);
            else parent.AsObject()[name] = other;
        }
    }

    private static List<JsonNode> Children(JsonNode part) => part switch
    {
        JsonObject members => [.. members.Select(member => member.Value).OfType<JsonNode>()],
        JsonArray items => [.. items.OfType<JsonNode>()],
        _ => [],
    };
}
