using System.Security.Cryptography;
using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;

namespace LoraArena.Learning.Checkpoints;

/// <summary>
/// Checkpoints of a run. One is a folder of files with a last file, COMPLETE, that lists their sizes and SHA-256; it is written under
/// another name, flushed to the disk and renamed. A folder without COMPLETE, or whose files are not as listed, is no checkpoint.
/// </summary>
public static class CheckpointFolder
{
    /// <summary>Checkpoints that are kept, newest first.</summary>
    public const int Keep = 3;

    private const string Complete = "COMPLETE";

    /// <summary>Writes a checkpoint and removes the ones that are no longer kept.</summary>
    /// <param name="run">The run.</param>
    /// <param name="step">Optimiser steps done.</param>
    /// <param name="write">Writes the files into the folder it is given, each flushed to the disk.</param>
    /// <param name="notRemoved">Told of each old one that cannot be removed, and why; it is tried again after the next.</param>
    public static void Write(RunFolder run, long step, Action<string> write, Action<string>? notRemoved = null)
    {
        var target = run.Checkpoint(step);
        var temporary = AtomicFile.TemporaryPath(target);
        Directory.CreateDirectory(temporary);
        try
        {
            write(temporary);
            var files = Directory.EnumerateFiles(temporary).Order(StringComparer.Ordinal).Select(Describe).ToList();
            AtomicFile.WriteJson(Path.Join(temporary, Complete), new CompleteMark(step, files));
            if (Directory.Exists(target)) Directory.Delete(target, recursive: true);
            AtomicFile.PublishFolder(temporary, target);
        }
        catch
        {
            Directory.Delete(temporary, recursive: true);
            throw;
        }

        foreach (var old in run.CheckpointSteps().Skip(Keep)) Remove(run.Checkpoint(old), notRemoved);
    }

    /// <summary>The newest checkpoint that is whole; null where there is none. What crashed writers left is removed.</summary>
    /// <param name="run">The run.</param>
    /// <param name="passedOver">Told of each newer one that is damaged: its step, and what is wrong with it.</param>
    /// <param name="notRemoved">Told of what crashed writers left and cannot be removed, and why.</param>
    public static (long Step, string Folder)? Newest(RunFolder run, Action<long, string>? passedOver = null, Action<string>? notRemoved = null)
    {
        if (!Directory.Exists(run.Checkpoints)) return null;
        foreach (var torn in Directory.EnumerateDirectories(run.Checkpoints, "*" + AtomicFile.TemporaryEnding).ToList())
        {
            Remove(torn, notRemoved);
        }

        foreach (var step in run.CheckpointSteps())
        {
            if (Damage(run.Checkpoint(step), step) is not { } damage) return (step, run.Checkpoint(step));
            passedOver?.Invoke(step, damage);
        }

        return null;
    }

    // What only takes up room ends no training.
    private static void Remove(string folder, Action<string>? notRemoved)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            notRemoved?.Invoke($"{folder} cannot be removed: {error.Message}");
        }
    }

    // What is wrong with a checkpoint; null where it is whole.
    private static string? Damage(string folder, long step)
    {
        try
        {
            if (JsonFile.TryRead<CompleteMark>(Path.Join(folder, Complete)) is not { } mark) return $"it has no file {Complete}";
            if (mark.Step != step) return $"its file {Complete} is of another step";
            var other = mark.Files.FirstOrDefault(file => !File.Exists(Path.Join(folder, file.Name)) || Describe(Path.Join(folder, file.Name)) != file);
            return other is null ? null : $"{other.Name} is not as it was written";
        }
        catch (Exception error) when (error is JsonFileException or IOException or UnauthorizedAccessException)
        {
            return $"it cannot be read: {error.Message}";
        }
    }

    private static CompleteFile Describe(string path)
    {
        using var file = File.OpenRead(path);
        return new CompleteFile(Path.GetFileName(path), file.Length, Convert.ToHexStringLower(SHA256.HashData(file)));
    }

    private sealed record CompleteMark(long Step, IReadOnlyList<CompleteFile> Files);

    private sealed record CompleteFile(string Name, long Bytes, string Sha256);
}
