using System.Text.Json.Nodes;
using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;
using LoraArena.Learning.Checkpoints;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Files;
using LoraArena.Learning.Models;
using LoraArena.Learning.Models.Bert;
using LoraArena.Learning.Packing;
using LoraArena.Learning.Pretraining;
using LoraArena.Tokenizers;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Worker.Running;

/// <summary>A pre-training from tokenizer to model folder. What it needs to go on after an interruption lies in the folder's <c>training/</c>.</summary>
/// <param name="spec">What to do.</param>
/// <param name="folder">The model's folder.</param>
/// <param name="time">The time.</param>
internal sealed class PretrainingSession(PretrainingSpec spec, string folder, TimeProvider time)
{
    private const string HeadPrefix = "classifier.";
    private static readonly TimeSpan ReportEvery = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan CheckpointEvery = TimeSpan.FromMinutes(5);
    private readonly RunFolder _training = new(Path.Join(folder, "training"));

    /// <summary>Trains until the plan is done or the time is up.</summary>
    public PretrainingSummary Run(double? seconds)
    {
        Directory.CreateDirectory(_training.Path);
        using var stop = new StopSignal(_training);
        var tokenizer = Tokenizer();
        var config = Config(tokenizer);
        var (family, parsed) = ModelCatalog.Read(folder);
        if (parsed is not BertConfig bert) throw new ModelException(folder, $"only models of type bert are pre-trained, and this is {family.ModelType}");
        var device = ComputeDevice.Pick("auto");
        RandomStreams.Seed(CPU, spec.Seed, RandomStreams.Purpose.Initialisation);
        using var weights = new RandomWeights(bert.InitializerRange);
        using var model = PreferenceModel.Build(family, bert, weights, device.Torch, spec.Seed);
        var head = new MaskedLanguageHead(bert, (BertModel)model.Backbone, new ModelBuilder(weights, device.Torch, BasePrecision.Full));
        var battleTokenizer = new BattleTokenizer(tokenizer, family.Kind, bert);
        var corpus = PretrainingCorpus.Read(spec, tokenizer, battleTokenizer);
        Console.Error.WriteLine(FormattableString.Invariant($"{corpus.Texts.Count} sequences of text ({corpus.Texts.Sum(t => (long)t.Length)} tokens), {corpus.Battles.Count} battles, {model.BaseWeights.Sum(w => w.Count)} parameters"));
        var packer = new BattlePacker(battleTokenizer.Template, spec.MaxLength);
        var batches = new MaskedBatch(spec, corpus, packer, Tokens(tokenizer));
        using var trainer = new Pretrainer(spec, batches, model, head, packer);
        Restore(trainer);
        Train(trainer, stop, seconds);
        var heldOut = trainer.Evaluate();
        Checkpoint(trainer);
        Save(trainer, config);
        return new PretrainingSummary(trainer.StepsDone, spec.Steps, heldOut.Guess, Math.Exp(heldOut.Guess), heldOut.Outcome, folder);
    }

    private void Train(Pretrainer trainer, StopSignal stop, double? seconds)
    {
        var started = time.GetTimestamp();
        var (reported, saved) = (started, started);
        var recent = new List<PretrainingLoss>();
        while (trainer.StepsDone < spec.Steps && stop.Asked() is null && !(time.GetElapsedTime(started).TotalSeconds >= seconds))
        {
            recent.Add(trainer.Step());
            BetweenSteps.Collect();
            if (time.GetElapsedTime(reported) >= ReportEvery)
            {
                Console.Error.WriteLine(FormattableString.Invariant($"step {trainer.StepsDone}/{spec.Steps}: guess {recent.Average(l => l.Guess):0.000}, outcome {recent.Average(l => l.Outcome):0.000}"));
                recent.Clear();
                reported = time.GetTimestamp();
            }

            if (time.GetElapsedTime(saved) >= CheckpointEvery)
            {
                Checkpoint(trainer);
                saved = time.GetTimestamp();
            }
        }
    }

    private HuggingFaceTokenizer Tokenizer()
    {
        if (!File.Exists(Path.Join(folder, "tokenizer.json"))) BytePairTrainer.Train(PretrainingCorpus.AllTexts(spec), spec.VocabularySize, folder);
        return HuggingFaceTokenizer.Load(folder);
    }

    private JsonObject Config(HuggingFaceTokenizer tokenizer)
    {
        var config = spec.Config.DeepClone().AsObject();
        config["model_type"] = "bert";
        config["architectures"] = new JsonArray("BertForMaskedLM");
        config["vocab_size"] = tokenizer.VocabularySize;
        config["pad_token_id"] = tokenizer.SpecialTokens.Pad;
        AtomicFile.WriteText(Path.Join(folder, "config.json"), config.ToJsonString(ArenaJson.Indented) + "\n");
        return config;
    }

    private PretrainingTokens Tokens(HuggingFaceTokenizer tokenizer)
    {
        var specials = tokenizer.SpecialTokens;
        return specials is { Cls: { } cls, Sep: { } sep, Mask: { } mask, Pad: { } pad }
            ? new PretrainingTokens(cls, sep, mask, pad, tokenizer.VocabularySize)
            : throw new ModelException(folder, "its tokenizer lacks [CLS], [SEP], [MASK] or [PAD]");
    }

    private void Restore(Pretrainer trainer)
    {
        if (CheckpointFolder.Newest(_training) is not { } newest) return;
        using var weights = SafetensorsFile.Open(Path.Join(newest.Folder, "weights.safetensors"));
        using var optimizer = SafetensorsFile.Open(Path.Join(newest.Folder, "optimizer.safetensors"));
        trainer.Restore(weights.Read, optimizer.Read, newest.Step);
        Console.Error.WriteLine(FormattableString.Invariant($"going on after step {newest.Step}"));
    }

    private void Checkpoint(Pretrainer trainer) => CheckpointFolder.Write(_training, trainer.StepsDone, target =>
    {
        using var scope = NewDisposeScope();
        SafetensorsWriter.Write(Path.Join(target, "weights.safetensors"), trainer.Weights());
        SafetensorsWriter.Write(Path.Join(target, "optimizer.safetensors"), trainer.OptimizerState());
    });

    // In bf16, as models are shipped. The classifier of outcomes is left out: every run begins with a new head.
    private void Save(Pretrainer trainer, JsonObject config)
    {
        using var scope = NewDisposeScope();
        var tensors = trainer.Weights()
            .Where(w => !w.Key.StartsWith(HeadPrefix, StringComparison.Ordinal))
            .ToDictionary(w => w.Key, w => w.Value.to(ScalarType.BFloat16), StringComparer.Ordinal);
        SafetensorsWriter.Write(Path.Join(folder, "model.safetensors"), tensors, new Dictionary<string, string> { ["format"] = "pt" });
        config["dtype"] = "bfloat16";
        AtomicFile.WriteText(Path.Join(folder, "config.json"), config.ToJsonString(ArenaJson.Indented) + "\n");
    }
}

/// <summary>What a pre-training came to.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Steps">Steps planned.</param>
/// <param name="HeldOutGuess">Mean cross-entropy of hidden tokens on held-out text, in nats.</param>
/// <param name="Perplexity">Its exponential.</param>
/// <param name="HeldOutOutcome">Mean cross-entropy of the outcomes of held-out battles.</param>
/// <param name="Folder">The model's folder.</param>
internal sealed record PretrainingSummary(long Step, long Steps, double HeldOutGuess, double Perplexity, double HeldOutOutcome, string Folder);
