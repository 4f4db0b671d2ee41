namespace LoraArena.Learning.Models;

/// <summary>Numbers for each token that a block's training needs at once.</summary>
/// <param name="Kept">What the forward pass keeps for the backward pass wherever adapters are: for attention, norms and activations.</param>
/// <param name="Passing">What the backward pass holds for a moment.</param>
/// <param name="Inputs">What is kept besides where one of the layers that read it trains its A: those layers, and the input's width.</param>
public sealed record BlockMemory(double Kept, double Passing, IReadOnlyList<(IReadOnlyList<Projection> Readers, long Width)> Inputs)
{
    /// <summary>What norms of plain operations keep in fp32 besides, where the model computes in 16 bits.</summary>
    public double KeptInFp32 { get; init; }
}
