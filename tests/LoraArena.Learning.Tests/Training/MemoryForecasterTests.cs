using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using LoraArena.Core.Files;
using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Training;

/// <summary>What is forecast of a training's memory, held against what the C library's heap hands out.</summary>
public sealed partial class MemoryForecasterTests
{
    private const int Tokens = 512;

    [Theory]
    [InlineData("llama", "lora", 0.0)]
    [InlineData("llama", "lora", 0.1)]
    [InlineData("llama", "lora-fa", 0.0)]
    [InlineData("bert", "lora", 0.0)]
    [InlineData("bert", "lora-fa", 0.0)]
    public void WhatAForwardPassKeeps_IsWhatIsForecast(string family, string variant, double dropout)
    {
        using var scope = NewDisposeScope();
        using var model = RandomModel(family);
        var (method, options) = TinyTraining.Method(variant, Settings(variant, dropout));
        model.Attach(method, options, 3);
        foreach (var weight in model.TrainableWeights) weight.Value.requires_grad = true;
        using var batch = TokenBatch.Create([[.. Enumerable.Range(10, Tokens)]], padId: 0, CPU);

        // The first pass makes what stays for all later ones.
        model.Logits(batch, new ForwardMode(true, 0, 0, 0)).Dispose();
        var before = HeapInUse();
        var logits = model.Logits(batch, new ForwardMode(true, 0, 0, 0));
        var kept = HeapInUse() - before;
        GC.KeepAlive(logits);

        var forecast = MemoryForecaster.KeptByBlocks(model, method.SitesOf(model, options), (LoraOptions)options, BasePrecision.Full, Tokens).Sum();
        Assert.InRange(forecast / kept, 0.9, 1.1);
    }

    [Fact]
    public void TheForecast_GrowsWithTokens_AndRecomputingAndFrozenANeedLess()
    {
        using var model = RandomModel("llama");
        var (lora, more, frozen) = (Forecast(model, "lora", Tokens), Forecast(model, "lora", 2 * Tokens), Forecast(model, "lora-fa", Tokens));

        Assert.Equal(model.BaseBytes, lora.Weights);
        Assert.True(more.Training > lora.Training && more.Recomputing > lora.Recomputing, $"{lora} {more}");
        Assert.True(lora.Recomputing < lora.Training && more.Recomputing < more.Training, $"{lora} {more}");
        Assert.True(frozen.Training < lora.Training, $"{lora} {frozen}");
    }

    [Theory]
    [InlineData(0.0, 0)]
    [InlineData(0.1, 2)]
    public void Dropout_NeedsAMaskOfTheWidestInput_AndThatInputOnceMore(double dropout, int times)
    {
        using var model = RandomModel("llama");
        var (without, with) = (Forecast(model, "lora", Tokens), Forecast(model, "lora", Tokens, dropout: dropout));
        var widest = sizeof(float) * Tokens * model.Sites.Max(site => site.InFeatures);

        Assert.Equal(times * widest, with.Training - without.Training);
        Assert.Equal(times * widest, with.Recomputing - without.Recomputing);
    }

    // On a GPU the forecast takes 1.1 bytes for each that is kept.
    [Theory]
    [InlineData("lora", "all-linear", 0)]
    [InlineData("lora", "down_proj", 0)]
    [InlineData("lora", "q_proj,v_proj", 1)]
    [InlineData("lora-fa", "all-linear", 1)]
    public void AnInputThatIsNotKept_IsNotFreedEither_WhereABlockHoldsMost(string variant, string targets, int times)
    {
        using var model = RandomModel("llama");
        var (all, some) = (Forecast(model, "lora", Tokens, device: "cuda:0"), Forecast(model, variant, Tokens, device: "cuda:0", targets: targets));
        var widest = sizeof(float) * Tokens * model.Sites.Max(site => site.InFeatures);

        var saved = (1.1 * (Kept(model, "lora", "all-linear") - Kept(model, variant, targets))) - (times * widest);
        Assert.InRange(all.Training - some.Training, saved - 2, saved + 2);
    }

    [Fact]
    public void AQuantisedBase_TakesAQuarterOfHalfPrecision()
    {
        using var model = RandomModel("llama");
        var (half, nf4) = (Forecast(model, "lora", Tokens, "bf16"), Forecast(model, "lora", Tokens, Precisions.Nf4));

        // Embeddings are not quantised: the blocks' matrices alone.
        var matrices = model.Sites.Sum(site => site.InFeatures * site.OutFeatures);
        var others = 2 * (model.BaseParameters - matrices);
        Assert.InRange((nf4.Weights - others) / (double)(half.Weights - others), 0.24, 0.30);
    }

    [Fact]
    public void AMethodThatComputesInAnotherWay_HasNoForecast()
    {
        using var model = RandomModel("llama");
        var (dora, options) = TinyTraining.Method("dora");
        Assert.Null(MemoryForecaster.Of(model, dora, options, dora.SitesOf(model, options), 1000, BasePrecision.Full, Tokens));
    }

    private static JsonObject Settings(string variant, double dropout) => variant == "lora" || dropout > 0 ? new JsonObject { ["lora_dropout"] = dropout } : [];

    private static double Kept(PreferenceModel model, string variant, string targets)
    {
        var (method, options) = TinyTraining.Method(variant, new JsonObject { ["target_modules"] = targets });
        return MemoryForecaster.KeptByBlocks(
            model, method.SitesOf(model, options), (LoraOptions)options, BasePrecision.Full, Tokens, composedNorms: false).Sum();
    }

    private static MemoryForecast Forecast(
        PreferenceModel model, string variant, int tokens, string precision = "fp32", double dropout = 0, string device = "cpu", string targets = "all-linear")
    {
        var (method, options) = TinyTraining.Method(variant, new JsonObject { ["lora_dropout"] = dropout, ["target_modules"] = targets });
        return MemoryForecaster.Of(
            model, method, options, method.SitesOf(model, options), 10_000,
            BasePrecision.Of(precision, precision == "fp32" ? ScalarType.Float32 : ScalarType.BFloat16), tokens, device)!;
    }

    // 4 blocks of width 192, with grouped queries where there are such.
    private static PreferenceModel RandomModel(string family)
    {
        var config = new JsonObject
        {
            ["model_type"] = family,
            ["vocab_size"] = 1000,
            ["hidden_size"] = 192,
            ["intermediate_size"] = 512,
            ["num_hidden_layers"] = 4,
            ["num_attention_heads"] = 6,
            ["num_key_value_heads"] = 2,
            ["max_position_embeddings"] = 1024,
            ["type_vocab_size"] = 2,
        };
        var folder = Directory.CreateTempSubdirectory("loraarena-forecast-").FullName;
        try
        {
            AtomicFile.WriteText(Path.Join(folder, "config.json"), config.ToJsonString());
            var (kind, read) = ModelCatalog.Read(folder);
            using var weights = new RandomWeights(0.02);
            return PreferenceModel.Build(kind, read, weights, CPU, 0, BasePrecision.Full);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // glibc's own count of what it has handed out: free blocks and holes are not in it.
    private static long HeapInUse()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only glibc tells what its heap has handed out.");
        try
        {
            var info = Mallinfo2();
            return (long)(info.InUse + info.Mapped);
        }
        catch (EntryPointNotFoundException)
        {
            Assert.Skip("Only glibc tells what its heap has handed out.");
            return 0;
        }
    }

    [LibraryImport("libc", EntryPoint = "mallinfo2")]
    private static partial HeapInfo Mallinfo2();

    // Of ten fields two are of use: bytes in mapped blocks, and bytes in use in the arenas.
    [StructLayout(LayoutKind.Sequential)]
    private readonly struct HeapInfo
    {
        private readonly nuint _arena, _freeBlocks, _fastBlocks, _mappedBlocks;
        public readonly nuint Mapped;
        private readonly nuint _unused, _fastBytes;
        public readonly nuint InUse;
        private readonly nuint _free, _top;
    }
}
