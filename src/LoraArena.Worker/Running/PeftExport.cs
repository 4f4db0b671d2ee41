using System.Text.Json.Nodes;
using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Models;
using LoraArena.Core.Runs;

namespace LoraArena.Worker.Running;

/// <summary>A finished run's adapter for Hugging Face PEFT. It is copied as the run has written it: the base model is not needed.</summary>
internal static class PeftExport
{
    private const string ConfigName = "adapter_config.json";
    private static readonly string[] Files = [ConfigName, "adapter_model.safetensors", "README.md"];

    /// <summary>Copies the adapter into a folder, which is made.</summary>
    /// <exception cref="JsonFileException">The run has not succeeded, or its adapter is incomplete.</exception>
    public static void Copy(RunFolder run, string target)
    {
        if (JsonFile.TryRead<RunResult>(run.Result)?.State != RunState.Succeeded)
        {
            throw new JsonFileException(run.Path, "the run has not succeeded, so there is no trained adapter to use");
        }

        foreach (var name in Files.Where(name => name != "README.md" && !File.Exists(Path.Join(run.Adapter, name))))
        {
            throw new JsonFileException(run.Path, $"its adapter lacks {name}");
        }

        Directory.CreateDirectory(target);
        foreach (var name in Files.Where(name => File.Exists(Path.Join(run.Adapter, name)))) File.Copy(Path.Join(run.Adapter, name), Path.Join(target, name));
        NameTheBase(Path.Join(target, ConfigName), ModelSource.PublicName(RunSpec.Read(run.Spec).Model.Path));
    }

    // Runs of earlier versions wrote the path that the base has on this host.
    private static void NameTheBase(string path, string name)
    {
        var config = JsonNode.Parse(File.ReadAllBytes(path))!.AsObject();
        config["base_model_name_or_path"] = name;
        AtomicFile.WriteText(path, config.ToJsonString(ArenaJson.Indented) + "\n");
    }
}
