namespace LoraArena.Core.Models;

/// <summary>A registered base model: a Hugging Face folder on this host.</summary>
/// <param name="Id">Id of the card.</param>
/// <param name="Name">Display name; unique in an arena.</param>
/// <param name="Path">Its folder.</param>
/// <param name="Added">When it was registered.</param>
/// <param name="Inspection">What the worker found in it.</param>
public sealed record ModelCard(string Id, string Name, string Path, DateTimeOffset Added, ModelInspection Inspection);

/// <summary>What the worker finds in a model folder.</summary>
/// <param name="ModelType">config.json's <c>model_type</c>.</param>
/// <param name="Kind">encoder or decoder.</param>
/// <param name="Parameters">Numbers in the backbone.</param>
/// <param name="Layers">Blocks.</param>
/// <param name="HiddenSize">Width of a token.</param>
/// <param name="MaxLength">Longest sequence in tokens.</param>
/// <param name="VocabularySize">Tokens known.</param>
/// <param name="Dtype">Type of the stored weights.</param>
/// <param name="Bytes">Size of the weights' files.</param>
/// <param name="Sha256">SHA-256 over config.json, the tokenizer's files and the weights' files, in order of their names.</param>
/// <param name="Sites">Linear layers that can carry an adapter, by suffix, with how many there are of each.</param>
/// <param name="License">The licence that the folder names; null where it names none.</param>
/// <param name="Head">The head that a run of it begins with, in words; null on cards from before it was looked at.</param>
/// <param name="ActivationBytesPerToken">
/// What a training keeps for each token that goes through at once, in fp32; null on cards from before it was looked at.
/// </param>
/// <param name="Warnings">Sentences about what in the folder is not used; null for none.</param>
public sealed record ModelInspection(
    string ModelType,
    string Kind,
    long Parameters,
    int Layers,
    int HiddenSize,
    int MaxLength,
    int VocabularySize,
    string Dtype,
    long Bytes,
    string Sha256,
    IReadOnlyDictionary<string, int> Sites,
    string? License = null,
    string? Head = null,
    long? ActivationBytesPerToken = null,
    IReadOnlyList<string>? Warnings = null)
{
    private const int BytesOfFp32 = 4;

    /// <summary>Memory of the base's weights in fp32, in bytes.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public long WeightBytes => Parameters * BytesOfFp32;

    /// <summary>
    /// What a training with an adapter will need in fp32, roughly: weights, and what the backward pass keeps of the tokens that go through at once.
    /// Adapter and optimiser are small beside them. Null where it is not known.
    /// </summary>
    /// <param name="tokens">Tokens that go through at once.</param>
    public long? TrainingBytes(long tokens) => ActivationBytesPerToken is { } each ? WeightBytes + (each * tokens) : null;
}
