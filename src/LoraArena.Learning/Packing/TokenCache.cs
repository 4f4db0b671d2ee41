using System.Security.Cryptography;
using System.Text;
using LoraArena.Tokenizers;

namespace LoraArena.Learning.Packing;

/// <summary>
/// Tokenised rows, kept from run to run. Their name is a hash of all that makes them: rows, the tokenizer's files, the program's tokenizer. Those
/// that were not used for longest are removed; any may be removed at any time.
/// </summary>
/// <param name="folder">The folder.</param>
/// <param name="time">The time.</param>
public sealed class TokenCache(string folder, TimeProvider time)
{
    private const string Ending = ".tokens";
    private const long MaxBytes = 4L << 30;

    // A file is read at once.
    private const long MaxTokens = 256 << 20;

    /// <summary>The name of rows that were tokenised.</summary>
    /// <param name="sources">What they are made of, each in words that name it exactly.</param>
    public static string Key(IEnumerable<string> sources)
    {
        var program = typeof(HuggingFaceTokenizer).Module.ModuleVersionId;
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', sources.Prepend(program.ToString())))));
    }

    /// <summary>The rows of a key, made where they are not there.</summary>
    public IReadOnlyList<TokenizedBattle> Get(string key, Func<IReadOnlyList<TokenizedBattle>> make)
    {
        var path = Path.Join(folder, key + Ending);
        if (TokenFile.TryRead(path) is { } known)
        {
            Try(() => File.SetLastWriteTimeUtc(path, time.GetUtcNow().UtcDateTime));
            return known;
        }

        var made = make();
        if (made.Sum(battle => battle.Prompts.Concat(battle.A).Concat(battle.B).Sum(turn => (long)turn.Length)) > MaxTokens) return made;
        Try(() =>
        {
            Directory.CreateDirectory(folder);
            TokenFile.Write(path, made);
            MakeRoom();
        });
        return made;
    }

    private void MakeRoom()
    {
        long bytes = 0;
        foreach (var file in new DirectoryInfo(folder).EnumerateFiles("*" + Ending).OrderByDescending(file => file.LastWriteTimeUtc))
        {
            bytes += file.Length;
            if (bytes > MaxBytes) file.Delete();
        }
    }

    // A full disk or a folder of somebody else is no reason to fail: it is only slower then.
    private static void Try(Action action)
    {
        try
        {
            action();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // See above.
        }
    }
}
