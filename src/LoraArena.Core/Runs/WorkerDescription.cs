using System.Text.Json.Nodes;

namespace LoraArena.Core.Runs;

/// <summary>
/// What <c>LoraArena.Worker describe</c> prints: everything that forms, validation, command line and help need to know about what this
/// build of the worker can do.
/// </summary>
/// <param name="Version">LoraArena's version.</param>
/// <param name="Flavour">libtorch flavour.</param>
/// <param name="Devices">Devices that can train, best first.</param>
/// <param name="ModelFamilies">model_type values that can be loaded.</param>
/// <param name="Variants">The registry.</param>
/// <param name="Training">The options that do not depend on the variant.</param>
public sealed record WorkerDescription(
    string Version,
    string Flavour,
    IReadOnlyList<DeviceDescription> Devices,
    IReadOnlyList<string> ModelFamilies,
    IReadOnlyList<VariantDescription> Variants,
    IReadOnlyList<OptionDescription> Training);

/// <summary>A device that can train.</summary>
/// <param name="Id">Such as <c>cpu</c> or <c>cuda:0</c>.</param>
/// <param name="Name">In words.</param>
/// <param name="MemoryBytes">Its memory, where known.</param>
public sealed record DeviceDescription(string Id, string Name, long? MemoryBytes);

/// <summary>A variant of the registry.</summary>
/// <param name="Id">Such as <c>lora</c>.</param>
/// <param name="Name">Such as LoRA.</param>
/// <param name="Summary">One line.</param>
/// <param name="Paper">Where it is described.</param>
/// <param name="PeftType">PEFT's peft_type; null where PEFT has no such method.</param>
/// <param name="ParameterFormula">Trainable parameters of one site.</param>
/// <param name="Options">Its options.</param>
public sealed record VariantDescription(
    string Id, string Name, string Summary, string Paper, string? PeftType, string ParameterFormula,
    IReadOnlyList<OptionDescription> Options)
{
    /// <summary>Where lists put it.</summary>
    public VariantGroup Group { get; init; } = VariantGroup.Other;

    /// <summary>What it costs beside LoRA of equal size, in a sentence.</summary>
    public string Cost { get; init; } = "";

    /// <summary>The learning rate that suits it over the one that suits LoRA.</summary>
    public double LearningRateFactor { get; init; } = 1;

    /// <summary>The option that says how much it trains; null where that follows from the model, so that no setting meets a budget.</summary>
    public string? SizeOption { get; init; }

    /// <summary>The options of a training that says nothing of its own.</summary>
    public TrainingOptions DefaultTraining()
    {
        var plain = new TrainingOptions();
        return plain with { LearningRate = plain.LearningRate * LearningRateFactor };
    }
}

/// <summary>An option of a variant or of the training.</summary>
/// <param name="Name">Its name in spec.json: PEFT's or Transformers' where they have it.</param>
/// <param name="Kind">What values it takes.</param>
/// <param name="Default">Its value where none is given; null where that means the model's default.</param>
/// <param name="Minimum">Smallest number.</param>
/// <param name="Maximum">Largest number.</param>
/// <param name="Choices">The values of a choice.</param>
/// <param name="Help">A sentence or two.</param>
/// <param name="Optional">True where it may be left empty.</param>
public sealed record OptionDescription(
    string Name, OptionKind Kind, JsonNode? Default, double? Minimum, double? Maximum, IReadOnlyList<string>? Choices, string Help,
    bool Optional = false);

/// <summary>Kinds of option values.</summary>
public enum OptionKind
{
    /// <summary>A whole number.</summary>
    Integer,

    /// <summary>A number.</summary>
    Number,

    /// <summary>True or false.</summary>
    Boolean,

    /// <summary>One of a few words.</summary>
    Choice,

    /// <summary>Text.</summary>
    Text,
}
