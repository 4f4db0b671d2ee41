using System.ComponentModel.DataAnnotations;
using System.Text.Json.Nodes;
using LoraArena.Core.Runs;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Models.Shared;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// P virtual tokens, D width, V tokens of the vocabulary.

/// <summary>Prompt tuning: rows that stand among the embedded tokens are trained, and nothing else. Lester et al. 2021, arXiv:2104.08691.</summary>
public sealed class PromptTuning : LoraVariant<PromptTuningOptions>
{
    /// <inheritdoc/>
    public override VariantInfo Info { get; } = new(
        "prompt-tuning", "Prompt tuning", "Trains a few virtual tokens in front of the text and leaves the model as it is.", "arXiv:2104.08691",
        PeftType: "PROMPT_TUNING", ParameterFormula: "num_virtual_tokens · D, for the whole model")
    {
        Group = VariantGroup.Other,
        Cost = "Longer sequences; almost no optimiser memory.",
        SizeOption = "num_virtual_tokens",
        StartsAsIdentity = false,
        CanMerge = false,
    };

    /// <summary>The peft_type, unknown to PEFT, of a prompt that stands where PEFT would not put it.</summary>
    internal const string OwnType = "LORAARENA_PROMPT_AFTER_FIRST";

    /// <inheritdoc/>
    protected override bool AdaptsLayers => false;

    /// <inheritdoc/>
    public override IReadOnlyList<Projection> SitesOf(PreferenceModel model, VariantOptions options) => [];

    /// <inheritdoc/>
    public override AttachedVariant Attach(PreferenceModel model, VariantOptions options, long seed)
        => new AttachedPrompt(this, (PromptTuningOptions)options, model, seed);

    /// <inheritdoc/>
    public override AdapterLayer Wrap(Projection site, PromptTuningOptions options, VariantContext context)
        => throw new NotSupportedException("The method has no layers of its own; attach it to a model.");

    /// <inheritdoc/>
    public override long ParametersOf(SiteShape site, PromptTuningOptions options) => 0;

    /// <inheritdoc/>
    public override long SharedParametersOf(PreferenceModel model, IReadOnlyList<SiteShape> sites, PromptTuningOptions options)
        => options.NumVirtualTokens * EmbeddingsOf(model).Table.Shape[1];

    /// <summary>Where the virtual tokens go.</summary>
    /// <exception cref="OptionException">The model's family has no place for them.</exception>
    internal static TokenEmbedding EmbeddingsOf(PreferenceModel model)
        => model.Embeddings ?? throw new OptionException(
            $"prompt-tuning does not go with models of type {model.Family.ModelType}: they have no place for virtual tokens here.");

    /// <summary>PEFT's form, and our own for a place that PEFT does not have.</summary>
    public override bool Claims(PeftConfigReader config) => config.PeftType is "PROMPT_TUNING" or OwnType;

    /// <inheritdoc/>
    public override JsonObject PeftConfig(PromptTuningOptions options) => new()
    {
        ["num_virtual_tokens"] = options.NumVirtualTokens,
        ["num_transformer_submodules"] = 1,
        ["prompt_tuning_init"] = "RANDOM",
    };

    /// <inheritdoc/>
    public override PromptTuningOptions FromConfig(PeftConfigReader config) => new()
    {
        NumVirtualTokens = config.Size("num_virtual_tokens", 20),
        PromptLrRatio = 1,
        VirtualTokenPosition = config.PeftType == OwnType ? "after_first" : "start",
    };
}

/// <summary>Options of prompt tuning, by PEFT's names where it has them.</summary>
public sealed record PromptTuningOptions : VariantOptions
{
    /// <summary>Virtual tokens; they count towards the model's longest sequence.</summary>
    [Range(1, 1024)]
    public int NumVirtualTokens { get; init; } = 20;

    /// <summary>
    /// What the rows start with: random (normal numbers), sample_vocab (the embeddings of random tokens), or text (those of prompt_tuning_init_text,
    /// repeated or cut to the number of rows).
    /// </summary>
    [AllowedValues("sample_vocab", "random", "text")]
    public string PromptTuningInit { get; init; } = "sample_vocab";

    /// <summary>The text whose embeddings the rows start with, where prompt_tuning_init is text.</summary>
    public string? PromptTuningInitText { get; init; }

    /// <summary>
    /// Where they stand: start, before the first token, as PEFT has it; after_first leaves an encoder's first token, which its head looks at, in its
    /// place (PEFT cannot read that).
    /// </summary>
    [AllowedValues("start", "after_first")]
    public string VirtualTokenPosition { get; init; } = "start";

    /// <summary>Learning rate of the rows over the run's: a prompt takes far higher rates than weights do.</summary>
    [Range(0.01, 10_000.0)]
    public double PromptLrRatio { get; init; } = 30;

    /// <inheritdoc/>
    public override void Check()
    {
        base.Check();
        BaseTuning.RequireWholeModel(this, "prompt-tuning");
        if (PromptTuningInit == "text" != PromptTuningInitText is not null)
        {
            throw new OptionException("prompt_tuning_init text and prompt_tuning_init_text go together: give both or neither.");
        }
    }
}

/// <summary>Prompt tuning on a model.</summary>
internal sealed class AttachedPrompt : AttachedVariant
{
    private readonly PromptTuningOptions _options;
    private readonly PreferenceModel _model;

    public AttachedPrompt(PromptTuning variant, PromptTuningOptions options, PreferenceModel model, long seed) : base(variant, options, [])
    {
        if (options.NumVirtualTokens >= model.Config.MaxPositions)
        {
            throw new OptionException($"{options.NumVirtualTokens} virtual tokens leave no room for text: the model has {model.Config.MaxPositions} positions.");
        }

        (_options, _model) = (options, model);
        using var scope = NewDisposeScope();
        RandomStreams.Seed(CPU, seed, RandomStreams.Purpose.Initialisation, 0);
        var rows = new Weight("prompt_embeddings", StartPD().to(ScalarType.Float32).to(model.Device));
        VirtualTokens = new VirtualTokens(rows, options.VirtualTokenPosition == "start" ? 0 : 1);
    }

    public override VirtualTokens VirtualTokens { get; }

    // PEFT wraps the model once less than where it adapts layers.
    public override string HeadRoot => SharedRoot;

    public override IEnumerable<AdapterWeight> Weights => [new AdapterWeight(VirtualTokens.Rows.Name, VirtualTokens.Rows, Trained: true)];

    public override OptimizerGroup GroupOf(Weight weight)
        => ReferenceEquals(weight, VirtualTokens.Rows) ? new OptimizerGroup(_options.PromptLrRatio, Decays: false) : OptimizerGroup.Plain;

    public override PeftAdapter ToPeft()
    {
        var adapter = base.ToPeft();
        if (VirtualTokens.Position > 0) adapter.Config["peft_type"] = PromptTuning.OwnType;
        adapter.Config["token_dim"] = VirtualTokens.Rows.Shape[1];
        adapter.Config["num_layers"] = _model.Config.Layers;
        return adapter;
    }

    public override void Merge() => throw new OptionException("prompt-tuning cannot be merged: its virtual tokens are not weights of the model.");

    public override void Detach() => PromptTuning.EmbeddingsOf(_model).Virtual = null;

    protected override void Release() => VirtualTokens.Rows.Dispose();

    private Tensor StartPD()
    {
        var (table, count) = (PromptTuning.EmbeddingsOf(_model).Table.Value, _options.NumVirtualTokens);
        switch (_options.PromptTuningInit)
        {
            case "random":
                return randn([count, table.shape[1]], ScalarType.Float32, CPU);
            case "sample_vocab":
                return table.index_select(0, randint(0, table.shape[0], [count], ScalarType.Int64, CPU).to(table.device));
            default:
                var ids = _model.TextToIds?.Invoke(_options.PromptTuningInitText!)
                    ?? throw new OptionException("prompt_tuning_init text needs the model's tokenizer, which is not at hand here.");
                if (ids.Count == 0) throw new OptionException("prompt_tuning_init_text has no token in it.");
                return table.index_select(0, tensor(Enumerable.Range(0, count).Select(i => (long)ids[i % ids.Count]).ToArray(), device: table.device));
        }
    }
}
