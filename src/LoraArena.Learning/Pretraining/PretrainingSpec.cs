using System.Text.Json.Nodes;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;

namespace LoraArena.Learning.Pretraining;

/// <summary>What a pre-training does: the file that the worker's <c>pretrain</c> command reads.</summary>
/// <param name="Config">config.json of the new model (BERT type); the vocabulary's size and the padding token are filled in.</param>
/// <param name="VocabularySize">Tokens of the new tokenizer.</param>
/// <param name="Texts">Plain-text files and folders of them, read as paragraphs.</param>
/// <param name="Battles">CSV files in the form of train.csv or test.csv; winners are learnt where a file has them.</param>
/// <param name="Steps">Optimiser steps.</param>
public sealed record PretrainingSpec(JsonObject Config, int VocabularySize, IReadOnlyList<string> Texts, IReadOnlyList<string> Battles, long Steps)
{
    /// <summary>Tokens of a sequence at most.</summary>
    public int MaxLength { get; init; } = 192;

    /// <summary>Padded tokens an optimiser step.</summary>
    public int TokensPerStep { get; init; } = 8192;

    /// <summary>Share of a step's sequences that are battles.</summary>
    public double BattleShare { get; init; } = 0.5;

    /// <summary>Share of the battles in which one answer is exchanged for that of another battle, and loses.</summary>
    public double ForeignShare { get; init; } = 2.0 / 3;

    /// <summary>Share of tokens that the model has to guess.</summary>
    public double MaskProbability { get; init; } = 0.2;

    /// <summary>Peak learning rate.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>Share of the steps in which the learning rate rises.</summary>
    public double WarmupRatio { get; init; } = 0.05;

    /// <summary>Decoupled weight decay.</summary>
    public double WeightDecay { get; init; } = 0.01;

    /// <summary>Seed of everything random.</summary>
    public long Seed { get; init; } = 1;

    /// <summary>Reads the file.</summary>
    /// <exception cref="JsonFileException">It is missing or not of this form.</exception>
    public static PretrainingSpec Read(string path) => JsonFile.Read<PretrainingSpec>(path);
}
