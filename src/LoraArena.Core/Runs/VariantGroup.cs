namespace LoraArena.Core.Runs;

/// <summary>Kinds of methods, in the order of lists.</summary>
public enum VariantGroup
{
    /// <summary>An update of low rank, or what is close to one.</summary>
    LowRank,

    /// <summary>Trained lengths: of rows, features or the update.</summary>
    Magnitude,

    /// <summary>LoRA that starts elsewhere.</summary>
    Start,

    /// <summary>LoRA that moves in another way.</summary>
    Optimizer,

    /// <summary>Everything else, full fine-tuning among it.</summary>
    Other,
}
