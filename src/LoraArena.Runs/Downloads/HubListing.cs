using System.Text.Json;
using LoraArena.Core.Files;

namespace LoraArena.Runs.Downloads;

/// <summary>A file of a repository.</summary>
/// <param name="Name">Its name; never a path.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Sha256">SHA-256 of a large file's bytes; null for a small one.</param>
/// <param name="BlobId">Git's id of a small file: the SHA-1 of its size and bytes; null for a large one.</param>
public sealed record HubFile(string Name, long Bytes, string? Sha256, string? BlobId);

/// <summary>What a repository holds at one commit, and what of it a base model needs.</summary>
/// <param name="Repository">Its id.</param>
/// <param name="Revision">The commit.</param>
/// <param name="License">The licence that it names; null for none.</param>
/// <param name="Files">The files that are needed.</param>
public sealed record HubListing(string Repository, string Revision, string? License, IReadOnlyList<HubFile> Files)
{
    private static readonly HashSet<string> Wanted = new(StringComparer.Ordinal)
    {
        "config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja",
        "vocab.txt", "vocab.json", "merges.txt", "tokenizer.model", "spm.model", "sentencepiece.bpe.model", "spiece.model", "README.md",
        "LICENSE", "LICENSE.txt", "LICENSE.md",
    };

    /// <summary>Bytes of all files.</summary>
    public long Bytes => Files.Sum(file => file.Bytes);

    /// <summary>Reads the server's answer.</summary>
    /// <param name="repository">The id that was asked for.</param>
    /// <param name="answer">The answer.</param>
    /// <exception cref="DownloadException">It is of another form, or the repository is no base model that can be read here.</exception>
    public static HubListing Parse(string repository, JsonElement answer)
    {
        try
        {
            var revision = answer.GetProperty("sha").GetString();
            if (revision is not { Length: >= 7 and <= 64 } || !revision.All(char.IsAsciiHexDigit))
            {
                throw new DownloadException($"The server names no commit of {repository}.");
            }

            var files = answer.GetProperty("siblings").EnumerateArray().Select(ReadFile).ToList();
            return new HubListing(repository, revision, LicenseOf(answer), Choose(repository, files));
        }
        catch (Exception error) when (error is KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new DownloadException($"The server's answer about {repository} is not understood: {error.Message}");
        }
    }

    private static HubFile ReadFile(JsonElement sibling)
    {
        var name = sibling.GetProperty("rfilename").GetString()!;
        var size = sibling.TryGetProperty("size", out var bytes) && bytes.ValueKind == JsonValueKind.Number ? bytes.GetInt64() : -1;
        if (sibling.TryGetProperty("lfs", out var lfs) && lfs.ValueKind == JsonValueKind.Object)
        {
            return new HubFile(name, lfs.GetProperty("size").GetInt64(), lfs.GetProperty("sha256").GetString(), null);
        }

        return new HubFile(name, size, null, sibling.TryGetProperty("blobId", out var blob) ? blob.GetString() : null);
    }

    private static List<HubFile> Choose(string repository, List<HubFile> files)
    {
        var plain = files.Where(file => SafePath.IsPlainName(file.Name)).ToList();
        var names = plain.Select(file => file.Name).ToHashSet(StringComparer.Ordinal);
        if (!names.Contains("config.json"))
        {
            throw new DownloadException(names.Contains("adapter_config.json")
                ? $"{repository} holds an adapter, not a model; download its base model instead."
                : $"{repository} has no config.json, so it is not a model in Hugging Face's form.");
        }

        // One file, or shards and the index that names them: the same order as when the folder is read.
        var weights = names.Contains("model.safetensors")
            ? plain.Where(file => file.Name == "model.safetensors").ToList()
            : names.Contains("model.safetensors.index.json") ? [.. plain.Where(IsShardOrIndex)] : [];
        if (weights.Count == 0)
        {
            var pickle = plain.FirstOrDefault(file => file.Name.EndsWith(".bin", StringComparison.Ordinal))?.Name;
            throw new DownloadException(pickle is null
                ? $"{repository} has no model.safetensors."
                : $"{repository} has {pickle}, but no model.safetensors; PyTorch pickles can run code and are never read. Another revision may have one.");
        }

        var chosen = plain.Where(file => Wanted.Contains(file.Name)).Concat(weights).ToList();
        if (chosen.FirstOrDefault(file => file.Bytes < 0 || (file.Sha256 ?? file.BlobId) is null) is { } unknown)
        {
            throw new DownloadException($"The server gives no size or checksum of {unknown.Name}.");
        }

        return chosen;
    }

    private static bool IsShardOrIndex(HubFile file)
        => file.Name == "model.safetensors.index.json"
            || (file.Name.StartsWith("model-", StringComparison.Ordinal) && file.Name.EndsWith(".safetensors", StringComparison.Ordinal));

    private static string? LicenseOf(JsonElement answer)
    {
        if (answer.TryGetProperty("cardData", out var card)
            && card.ValueKind == JsonValueKind.Object
            && card.TryGetProperty("license", out var license)
            && license.ValueKind == JsonValueKind.String)
        {
            return license.GetString();
        }

        const string Prefix = "license:";
        if (!answer.TryGetProperty("tags", out var tags) || tags.ValueKind != JsonValueKind.Array) return null;
        return tags.EnumerateArray()
            .Where(tag => tag.ValueKind == JsonValueKind.String)
            .Select(tag => tag.GetString()!)
            .FirstOrDefault(tag => tag.StartsWith(Prefix, StringComparison.Ordinal))?[Prefix.Length..];
    }
}

/// <summary>A download that cannot be made; the message says why.</summary>
public sealed class DownloadException(string message) : Exception(message);
