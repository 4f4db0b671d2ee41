using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace LoraArena.Tokenizers.Tests;

/// <summary>Hugging Face's own library, asked through Python: ids, offsets and decoded texts.</summary>
internal static class Library
{
    private static readonly JsonSerializerOptions Ascii = new() { Encoder = JavaScriptEncoder.Default };

    /// <summary>The texts of which the two differ, each with what the library says and what we say; at most twenty.</summary>
    /// <param name="folder">A folder with a tokenizer.json.</param>
    /// <param name="texts">Texts without unpaired surrogates.</param>
    public static List<string> Differences(string folder, IReadOnlyList<string> texts)
    {
        var path = Path.Join(folder, "tokenizer.json");
        var tokenizer = HuggingFaceTokenizer.Load(folder);
        using var work = new TemporaryFolder();
        var (input, output) = (Path.Join(work.Path, "texts.jsonl"), Path.Join(work.Path, "hashes.txt"));
        using (var writer = new StreamWriter(input)) foreach (var text in texts) writer.WriteLine(JsonSerializer.Serialize(text, Ascii));
        Run(path, input, output);
        var hashes = File.ReadAllLines(output);
        Assert.Equal(texts.Count, hashes.Length);
        var different = new List<string>();
        for (var i = 0; i < texts.Count && different.Count < 20; i++)
        {
            var ours = Describe(tokenizer, texts[i]);
            if (Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('|', ours)))) == hashes[i]) continue;
            different.Add($"{JsonSerializer.Serialize(texts[i], Ascii)}: {Run(path, "--show", JsonSerializer.Serialize(texts[i], Ascii)).Trim()} expected, {JsonSerializer.Serialize(ours, Ascii)} found");
        }

        return different;
    }

    /// <summary>Runs the script; skips the test where there is no Python with the library.</summary>
    private static string Run(params string[] arguments)
    {
        var start = new ProcessStartInfo(TestFiles.Shared("python", "python")) { RedirectStandardOutput = true };
        start.ArgumentList.Add(TestFiles.Fixture("expect_from_library.py"));
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var printed = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return printed;
    }

    /// <summary>What we make of a text: ids, offsets, and the text that the ids stand for.</summary>
    public static string[] Describe(HuggingFaceTokenizer tokenizer, string text)
    {
        var tokens = tokenizer.EncodeToTokens(text, out _);
        int[] ids = [.. tokens.Select(token => token.Id)];
        Assert.Equal(ids, tokenizer.EncodeToIds(text));
        return [string.Join(',', ids), string.Join(',', tokens.Select(token => $"{token.Offset.Start.Value},{token.Offset.End.Value}")), tokenizer.Decode(ids)];
    }
}
