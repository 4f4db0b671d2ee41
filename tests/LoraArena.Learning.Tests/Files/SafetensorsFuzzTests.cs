using System.Text;
using LoraArena.Core.Statistics;
using LoraArena.Learning.Files;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Files;

/// <summary>Good files with random damage: each is either read or refused with the one typed error, quickly.</summary>
public sealed class SafetensorsFuzzTests : IDisposable
{
    private const long Seed = 20260901;
    private const int ShortRun = 3_000;
    private const int LongRun = 1_000_000;
    private const long MaxBytesOfOneFile = 1 << 20;

    // Of the processor: on a busy machine any file may have to wait.
    private static readonly TimeSpan MaxTimeOfOneFile = TimeSpan.FromSeconds(10);
    private static readonly string[] Words = [
        "0", "1", "-1", "2147483648", "9223372036854775807", "18446744073709551615", "1e999", "null", "[]", "{}", "\"F8_E5M2\"",
        "\"__metadata__\"", "\\ud800", "\u0000", "\"", "}", ":", ","];
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void DamagedFiles_AreReadOrRefusedAndNothingElse() => Run(ShortRun);

    /// <summary>The same a million times, on demand: <c>-explicit only -method '*AMillionDamagedFiles*'</c>.</summary>
    [Fact(Explicit = true)]
    public void AMillionDamagedFiles_AreReadOrRefusedAndNothingElse() => Run(LongRun);

    private void Run(int files)
    {
        byte[][] seeds =
        [
            File.ReadAllBytes(Torch.Fixture("safetensors", "types.safetensors")),
            File.ReadAllBytes(Torch.Fixture("safetensors", "names.safetensors")),
            File.ReadAllBytes(Torch.Fixture("bert-tiny", "adapter", "expected.safetensors")),
        ];
        var random = new SeededRandom(Seed);
        var (read, refused) = (0, 0);
        for (var i = 0; i < files; i++)
        {
            var path = _folder.Write("x.safetensors", Damage(seeds[random.Next(seeds.Length)], random));
            var (before, began) = (GC.GetAllocatedBytesForCurrentThread(), Environment.CpuUsage.TotalTime);
            try
            {
                using var scope = TorchSharp.torch.NewDisposeScope();
                using var file = SafetensorsFile.Open(path);

                // What is read is never more than the file has.
                Assert.True(file.Entries.Sum(entry => entry.Bytes) <= new FileInfo(path).Length);
                foreach (var entry in file.Entries) Assert.Equal(entry.Bytes, file.Read(entry.Name).bytes.Length);
                read++;
            }
            catch (SafetensorsException)
            {
                refused++;
            }

            // No header makes more memory than some times the file, or more work than a moment.
            Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < MaxBytesOfOneFile, $"file {i}");
            Assert.True(Environment.CpuUsage.TotalTime - began < MaxTimeOfOneFile, $"file {i}");
        }

        // Damage to data bytes is not noticed by the format; damage to the header nearly always is.
        Assert.True(refused > files / 10 && read > files / 100, $"{refused} refused, {read} read");
    }

    public void Dispose() => _folder.Dispose();

    private static byte[] Damage(byte[] seed, SeededRandom random)
    {
        var file = seed.ToList();
        for (var n = 1 + random.Next(3); n > 0 && file.Count > 0; n--)
        {
            var at = random.Next(file.Count);
            switch (random.Next(6))
            {
                case 0: file[at] ^= (byte)(1 << random.Next(8)); break;
                case 1: file[random.Next(Math.Min(8, file.Count))] = (byte)random.Next(256); break;
                case 2: file.RemoveRange(at, Math.Min(file.Count - at, 1 + random.Next(20))); break;
                case 3: file.InsertRange(at, file.GetRange(at, Math.Min(file.Count - at, 1 + random.Next(200)))); break;
                case 4: file.InsertRange(at, Encoding.UTF8.GetBytes(Words[random.Next(Words.Length)])); break;
                default:
                    var word = Encoding.UTF8.GetBytes(Words[random.Next(Words.Length)]);
                    for (var i = 0; i < word.Length && at + i < file.Count; i++) file[at + i] = word[i];
                    break;
            }
        }

        return [.. file];
    }
}
