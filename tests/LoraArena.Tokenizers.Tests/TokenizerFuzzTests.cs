using System.Text;
using LoraArena.Core.Statistics;

namespace LoraArena.Tokenizers.Tests;

/// <summary>Good files with random damage: each is either loaded, and then encodes, or refused with the one typed error, in bounded memory.</summary>
public sealed class TokenizerFuzzTests : IDisposable
{
    private const int Seed = 20261;
    private const int ShortRun = 1_500;
    private const int LongRun = 1_000_000;
    private const int Reported = 50_000;

    // Ids go up to four million, and so do the tables by id; a text of some words needs next to nothing.
    private const long MaxAllocatedBytes = 256L << 20;

    // Of the processor: on a busy machine any file may have to wait.
    private static readonly TimeSpan MaxTime = TimeSpan.FromSeconds(10);
    private static readonly string[] Texts = ["The 12 dogs don't\n run [MASK] <mask> Caf\u00e9", "\u65e5\u672c \U0001F44D \uD800 \ufb01 e\u0301"];

    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void DamagedTokenizerFiles_AreLoadedOrRefusedAndNothingElse() => Run(SmallFiles.TokenizerJsons(), "tokenizer.json", ShortRun);

    [Fact]
    public void DamagedSentencePieceModels_AreLoadedOrRefusedAndNothingElse() => Run(SmallFiles.SentencePieceModels(), "tokenizer.model", ShortRun);

    /// <summary>The same a million times, on demand: <c>-explicit only -method '*AMillionDamaged*'</c>.</summary>
    [Fact(Explicit = true)]
    public void AMillionDamagedTokenizerFiles_AreLoadedOrRefusedAndNothingElse() => Run(SmallFiles.TokenizerJsons(), "tokenizer.json", LongRun);

    /// <summary>The same for SentencePiece models.</summary>
    [Fact(Explicit = true)]
    public void AMillionDamagedSentencePieceModels_AreLoadedOrRefusedAndNothingElse() => Run(SmallFiles.SentencePieceModels(), "tokenizer.model", LongRun);

    public void Dispose() => _folder.Dispose();

    private void Run(IReadOnlyList<byte[]> seeds, string name, int files)
    {
        var random = new SeededRandom(Seed, files);
        var (loaded, refused) = (0, 0);
        var (slowest, largest) = (TimeSpan.Zero, 0L);
        for (var i = 0; i < files; i++)
        {
            var bytes = Mutations.Damage(seeds[random.Next(seeds.Count)], random);
            using (var file = new FileStream(Path.Join(_folder.Path, name), FileMode.Create)) file.Write(bytes);
            var (before, began) = (GC.GetAllocatedBytesForCurrentThread(), Environment.CpuUsage.TotalTime);
            if (Loads(out var error)) loaded++;
            else refused++;
            var (allocated, elapsed) = (GC.GetAllocatedBytesForCurrentThread() - before, Environment.CpuUsage.TotalTime - began);
            Assert.True(error is null || error.File.StartsWith(_folder.Path, StringComparison.Ordinal), $"file {i}: {error?.Message}");
            Assert.True(allocated < MaxAllocatedBytes && elapsed < MaxTime, $"file {i}: {allocated} bytes, {elapsed}: {Encoding.Latin1.GetString(bytes)}");
            (slowest, largest) = (slowest > elapsed ? slowest : elapsed, Math.Max(largest, allocated));
            if ((i + 1) % Reported == 0)
            {
                TestContext.Current.TestOutputHelper!.WriteLine($"{i + 1} {name}: {loaded} loaded, slowest {slowest}, largest {largest} bytes");
            }
        }

        // Damage that is never noticed, or always, would test nothing.
        Assert.True(refused > files / 10 && loaded > files / 100, $"{refused} refused, {loaded} loaded");
    }

    private bool Loads(out TokenizerException? error)
    {
        error = null;
        try
        {
            var tokenizer = HuggingFaceTokenizer.Load(_folder.Path);
            foreach (var text in Texts) _ = tokenizer.Decode(tokenizer.EncodeWithSpecials(text));
            return true;
        }
        catch (TokenizerException refusal)
        {
            error = refusal;
            return false;
        }
    }
}
