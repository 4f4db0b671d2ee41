using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;
using LoraArena.Core.Files;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Files;

/// <summary>
/// Writes safetensors files as Hugging Face's own writer lays them out: tensors by falling rank of their type, then by name; the header
/// padded with spaces so that the data begin at a multiple of 8.
/// </summary>
public static class SafetensorsWriter
{
    private const int BlockElements = 8 << 20;

    /// <summary>Writes tensors, atomically.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tensors">Tensors by name, on any device.</param>
    /// <param name="metadata">Free text of the header; PEFT and Transformers write <c>format: pt</c>.</param>
    /// <exception cref="IOException">The disk is full or the folder cannot be written; an older file is untouched.</exception>
    public static void Write(string path, IReadOnlyDictionary<string, Tensor> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        var ordered = tensors
            .OrderByDescending(t => Dtypes.Rank(t.Value.dtype))
            .ThenBy(t => t.Key, StringComparer.Ordinal)
            .ToList();
        AtomicFile.Write(path, file =>
        {
            var header = Header(ordered, metadata);
            Span<byte> length = stackalloc byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
            file.Write(length);
            file.Write(header);
            foreach (var (_, tensor) in ordered) WriteData(file, tensor);
        });
    }

    private static byte[] Header(List<KeyValuePair<string, Tensor>> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject("__metadata__");
                foreach (var (key, value) in metadata) json.WriteString(key, value);
                json.WriteEndObject();
            }

            long offset = 0;
            foreach (var (name, tensor) in tensors)
            {
                var dtype = Dtypes.Name(tensor.dtype);
                var bytes = tensor.numel() * SafetensorsHeader.ElementBytes[dtype];
                json.WriteStartObject(name);
                json.WriteString("dtype", dtype);
                json.WriteStartArray("shape");
                foreach (var size in tensor.shape) json.WriteNumberValue(size);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += bytes);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        while (buffer.Length % 8 != 0) buffer.WriteByte((byte)' ');
        return buffer.ToArray();
    }

    private static void WriteData(Stream file, Tensor tensor)
    {
        using var scope = NewDisposeScope();
        var flat = tensor.detach().cpu().contiguous().view(-1);
        for (long done = 0; done < flat.numel(); done += BlockElements)
        {
            using var part = flat.narrow(0, done, Math.Min(BlockElements, flat.numel() - done));
            file.Write(part.bytes);
        }
    }
}
