using System.Text.Json.Nodes;
using LoraArena.Core.Battles;
using LoraArena.Core.Competitions;
using LoraArena.Core.Runs;
using LoraArena.Core.Statistics;
using LoraArena.Data.Import;
using LoraArena.Learning.Models;
using LoraArena.Learning.Packing;
using LoraArena.Learning.Training;
using LoraArena.Learning.Variants;
using LoraArena.Tokenizers;
using TorchSharp;

namespace LoraArena.Benchmarks;

/// <summary>A model and rows to train it on, the same for both sides.</summary>
internal sealed class Workload
{
    private readonly Func<Settings, PreferenceModel> _load;
    private readonly Func<JsonObject> _describe;
    private readonly IReadOnlyList<TokenizedBattle> _rows;
    private readonly BattlePacker _packer;
    private readonly int _batch;

    private Workload(
        string name, Func<Settings, PreferenceModel> load, Func<JsonObject> describe, IReadOnlyList<TokenizedBattle> rows,
        BattlePacker packer, int batch)
    {
        (Name, _load, _describe, _rows, _packer, _batch) = (name, load, describe, rows, packer, batch);
    }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>MiniLM on real battles of at most 384 tokens, 16 a step.</summary>
    public static Workload MiniLm(int rows)
    {
        var folder = Path.Join(Places.Shared, "models", "minilm-l6");
        var (family, config) = ModelCatalog.Read(folder);
        var tokenizer = new BattleTokenizer(HuggingFaceTokenizer.Load(folder), family.Kind, config);
        var csv = Path.Join(Places.Shared, "data", "preferences", "train.csv");
        var battles = PreferenceCsv.Read(csv, "train.csv", FileRole.Train).Select(row => row.Battle).OfType<Battle>().Take(rows).ToList();
        return new Workload(
            "MiniLM, real battles of at most 384 tokens, 16 a step",
            s => PreferenceModel.Load(folder, torch.CPU, 0, precision: Precision(s)), () => new JsonObject { ["folder"] = folder },
            tokenizer.Tokenize(battles), new BattlePacker(tokenizer.Template, 384), 16);
    }

    /// <summary>A Llama with random weights, 30 layers of width 576 unless said otherwise, on one row of random tokens.</summary>
    public static Workload Decoder(int layers, int width, int tokens, int batch)
    {
        var heads = Math.Max(1, width / 64);
        var sizes = new JsonObject
        {
            ["vocab_size"] = 49152,
            ["hidden_size"] = width,
            ["intermediate_size"] = width * 8 / 3 / 64 * 64,
            ["num_hidden_layers"] = layers,
            ["num_attention_heads"] = heads,
            ["num_key_value_heads"] = heads % 3 == 0 ? heads / 3 : heads,
            ["max_position_embeddings"] = 8192,
        };
        var config = sizes.DeepClone().AsObject();
        config["model_type"] = "llama";
        var folder = Directory.CreateTempSubdirectory("loraarena-benchmark-").FullName;
        Core.Files.AtomicFile.WriteText(Path.Join(folder, "config.json"), config.ToJsonString());
        var (family, read) = ModelCatalog.Read(folder);
        Directory.Delete(folder, recursive: true);
        var random = new SeededRandom(1);
        var third = (tokens - 4) / 3;
        int[] Part(int count) => [.. Enumerable.Range(0, count).Select(_ => 10 + random.Next(40_000))];
        var rows = Enumerable.Range(0, 64 * batch)
            .Select(i => new TokenizedBattle($"{i}", [Part(tokens - 4 - (2 * third))], [Part(third)], [Part(third)], (Winner)(i % 3), $"{i}"))
            .ToList();
        var template = new PackingTemplate([1], [2], [2], [2], [4], [5], Pad: 0);
        return new Workload(
            FormattableString.Invariant($"Llama of random weights, {layers} layers × {width}, {batch} × {tokens} tokens"),
            settings =>
            {
                torch.random.manual_seed(0);
                using var weights = new RandomWeights(0.02);
                return PreferenceModel.Build(family, read, weights, torch.CPU, 0, Precision(settings));
            },
            () => new JsonObject { ["sizes"] = sizes.DeepClone() },
            rows,
            new BattlePacker(template, tokens),
            batch);
    }

    /// <summary>The model with its adapter, ready to train.</summary>
    public (PreferenceModel Model, Trainer Trainer) Open(Settings settings)
    {
        var model = Load(settings);
        return (model, Train(model, settings));
    }

    /// <summary>The model without an adapter.</summary>
    public PreferenceModel Load(Settings settings) => _load(settings);

    /// <summary>The method and its options.</summary>
    public static (LoraVariant Variant, VariantOptions Options) Method(Settings settings)
    {
        var variant = VariantCatalog.Get(settings.Variant);
        var options = new JsonObject { ["r"] = settings.Rank, ["lora_alpha"] = 2 * settings.Rank, ["lora_dropout"] = settings.LoraDropout };
        foreach (var name in options.Select(o => o.Key).Except(Learning.Options.OptionSchema.Of(variant.OptionsType).Select(o => o.Name)).ToList())
        {
            options.Remove(name);
        }

        return (variant, variant.ReadOptions(options));
    }

    /// <summary>Puts the adapter on a model and prepares its training.</summary>
    public Trainer Train(PreferenceModel model, Settings settings)
    {
        var (variant, options) = Method(settings);
        model.Attach(variant, options, 0);
        return new Trainer(model, _packer, _rows, Options(settings));
    }

    /// <summary>Padded tokens of the largest micro-batch.</summary>
    public int LargestMicroBatch(int atOnce)
    {
        var lengths = _rows.Select(row => _packer.Pack(row, swap: false).Length).ToList();
        return Math.Max(lengths.Max(), Math.Min(atOnce, _batch * lengths.Max()));
    }

    /// <summary>The same for the peer: model, adapter and every batch of the first epoch.</summary>
    public JsonObject Job(Settings settings, int steps)
    {
        var lengths = _rows.Select(row => _packer.Pack(row, swap: false).Length).ToList();
        var batches = EpochPlan.Batches(lengths, _batch, seed: 0, epoch: 0).Take(steps).Select(batch => new JsonArray([.. batch.Select(row =>
        {
            var swap = EpochPlan.Swaps(0, 0, row);
            var winner = _rows[row].Winner!.Value;
            return (JsonNode)new JsonObject
            {
                ["ids"] = new JsonArray([.. _packer.Pack(_rows[row], swap).Ids.Select(id => (JsonNode)id)]),
                ["label"] = (int)(swap ? winner.Swapped() : winner),
            };
        })]));
        var job = _describe();
        job["threads"] = settings.Threads;
        job["dtype"] = settings.Precision switch { "bf16" => "bfloat16", "fp16" => "float16", _ => "float32" };
        job["adapter"] = settings.Variant;
        job["r"] = settings.Rank;
        job["lr"] = 5e-4;
        job["lora_dropout"] = settings.LoraDropout;
        job["hidden_dropout"] = settings.HiddenDropout;
        job["attention_dropout"] = settings.AttentionDropout;
        job["checkpointing"] = settings.Checkpointing;
        job["batches"] = new JsonArray([.. batches]);
        return job;
    }

    private static BasePrecision Precision(Settings settings) => BasePrecision.Of(settings.Precision, Precisions.Type(settings.ComputeType)!.Value);

    private TrainingOptions Options(Settings settings) => new()
    {
        BatchSize = _batch,
        MaxLength = _packer.MaxLength,
        HiddenDropout = settings.HiddenDropout,
        AttentionDropout = settings.AttentionDropout,
        Seed = 0,
        NumTrainEpochs = 1,
        GradientCheckpointing = settings.Checkpointing,
    };
}

/// <summary>How both sides train.</summary>
internal sealed record Settings
{
    /// <summary>Threads of both sides.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>The method.</summary>
    public string Variant { get; init; } = "lora";

    /// <summary>Rank of the adapter.</summary>
    public int Rank { get; init; } = 16;

    /// <summary>Dropout of the adapter's input.</summary>
    public double LoraDropout { get; init; }

    /// <summary>Dropout of hidden states; null for what the model says.</summary>
    public double? HiddenDropout { get; init; }

    /// <summary>Dropout of attention weights; null for what the model says.</summary>
    public double? AttentionDropout { get; init; } = 0;

    /// <summary>Compute blocks again instead of keeping what they computed.</summary>
    public bool Checkpointing { get; init; }

    /// <summary>Type of the base weights.</summary>
    public string Precision { get; init; } = "fp32";

    /// <summary>Type that products of quantised weights are computed in.</summary>
    public string ComputeType { get; init; } = "fp32";
}
