namespace LoraArena.Learning.Models;

/// <summary>The classification head of a family, as Transformers' class for it has it.</summary>
/// <param name="Module">The module that PEFT saves beside an adapter: <c>score</c> or <c>classifier</c>.</param>
/// <param name="Dense">Path of a layer with tanh before the last one; null for none.</param>
/// <param name="Output">Path of the last layer, which gives the scores.</param>
/// <param name="Bias">True if the last layer adds a bias.</param>
public sealed record HeadShape(string Module, string? Dense, string Output, bool Bias)
{
    /// <summary>One layer.</summary>
    public static HeadShape OneLayer(string path, bool bias) => new(path, null, path, bias);

    /// <summary>RoBERTa's: a layer as wide as the model, tanh, and the last layer.</summary>
    public static HeadShape DenseAndProjection(string module) => new(module, module + ".dense", module + ".out_proj", true);
}

/// <summary>Where a head's starting values are from.</summary>
public enum HeadOrigin
{
    /// <summary>Drawn at random: the folder brings none for these outcomes.</summary>
    New,

    /// <summary>The folder's own, whose labels are the outcomes.</summary>
    Folder,
}
