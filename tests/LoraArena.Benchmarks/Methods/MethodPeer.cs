using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using LoraArena.Learning.Packing;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Variants;

namespace LoraArena.Benchmarks.Methods;

/// <summary>The ratio of a method's step to LoRA's within PEFT: it loads the adapters that we have written, so the settings are the same.</summary>
internal static class MethodPeer
{
    /// <summary>Processor time of the method's step over LoRA's, median of pairs.</summary>
    public static double Ratio(PreferenceRows data, IReadOnlyList<TokenizedBattle> rows, LoraVariant variant, JsonObject options, int steps, int threads)
    {
        var python = Peer.Python ?? throw new InvalidOperationException("There is no Python with PEFT: set LORAARENA_SHARED to the folder that has python/python, or leave the comparison out with --alone.");
        var folder = Directory.CreateTempSubdirectory("loraarena-method-").FullName;
        try
        {
            foreach (var (name, method, given) in new[] { ("lora", VariantCatalog.Get("lora"), new JsonObject { ["r"] = 16, ["lora_dropout"] = 0.0 }), ("method", variant, options) })
            {
                var (model, trainer) = MethodCosts.Open(data, rows, method, given);
                using var _1 = model;
                using var _2 = trainer;
                trainer.Start();
                PeftFolder.Write(Path.Join(folder, name), model, data.Folder);
            }

            var job = new JsonObject { ["base"] = data.Folder, ["steps"] = steps, ["threads"] = threads, ["batches"] = Batches(data, rows, steps + 2) };
            var file = Path.Join(folder, "job.json");
            using (var stream = File.Create(file)) JsonSerializer.Serialize(stream, job);
            var start = new ProcessStartInfo(python) { RedirectStandardOutput = true };
            start.ArgumentList.Add(Path.Join(AppContext.BaseDirectory, "Peer", "methods.py"));
            start.ArgumentList.Add(folder);
            start.Environment["OMP_NUM_THREADS"] = threads.ToString(CultureInfo.InvariantCulture);
            using var process = Process.Start(start)!;
            var lines = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            if (process.ExitCode != 0) throw new InvalidOperationException("PEFT's side failed; what it said is above.");
            return double.Parse(lines.Trim().Split('\n')[^1], CultureInfo.InvariantCulture);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static JsonArray Batches(PreferenceRows data, IReadOnlyList<TokenizedBattle> rows, int count)
    {
        var lengths = rows.Select(row => data.Packer.Pack(row, swap: false).Length).ToList();
        return new JsonArray([.. EpochPlan.Batches(lengths, 16, seed: 0, epoch: 0).Take(count).Select(batch => (JsonNode)new JsonArray([.. batch.Select(row =>
            (JsonNode)new JsonObject
            {
                ["ids"] = new JsonArray([.. data.Packer.Pack(rows[row], swap: false).Ids.Select(id => (JsonNode)id)]),
                ["label"] = (int)rows[row].Winner!.Value,
            })]))]);
    }
}
