using LoraArena.Core.Files;
using LoraArena.Tests.Support;

namespace LoraArena.Worker.Tests;

/// <summary>A base model made from nothing.</summary>
public sealed class PretrainTests : IDisposable
{
    private const int Steps = 4;
    private readonly string _folder = Directory.CreateTempSubdirectory("arena-pretrain-").FullName;

    public PretrainTests()
    {
        AtomicFile.WriteBytes(At("battles.csv"), Repository.FirstRows("train.csv", 40));
        AtomicFile.WriteText(At("spec.json"), $$"""
            {
              "config": {
                "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 64, "type_vocab_size": 2,
                "layer_norm_eps": 1e-12, "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.0, "initializer_range": 0.02
              },
              "vocabulary_size": 300, "texts": [], "battles": ["{{At("battles.csv")}}"], "steps": {{Steps}}, "max_length": 48, "tokens_per_step": 256, "battle_share": 1
            }
            """);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task OneThatIsInterruptedAgainAndAgain_MakesTheSameModel()
    {
        var whole = await WorkerProcess.AskAsync("pretrain", At("spec.json"), "--out", At("whole"), "--threads", "1");
        Assert.Equal(Steps, whole["step"]!.GetValue<long>());

        // Every call does a step and stops.
        var interruptions = 0;
        for (long done = 0; done < Steps; interruptions++)
        {
            Assert.True(interruptions < 50, $"it is at step {done} still");
            done = (await WorkerProcess.AskAsync(
                "pretrain", At("spec.json"), "--out", At("parts"), "--threads", "1", "--seconds", "0.01"))["step"]!.GetValue<long>();
        }

        Assert.True(interruptions > 1, "it was done in one go");
        foreach (var name in new[] { "model.safetensors", "config.json", "tokenizer.json" })
        {
            Assert.Equal(File.ReadAllBytes(Path.Join(At("whole"), name)), File.ReadAllBytes(Path.Join(At("parts"), name)));
        }

        var model = await WorkerProcess.AskAsync("describe", "--model", At("whole"));
        Assert.Equal(16, model["hidden_size"]!.GetValue<int>());
    }

    [Fact]
    public async Task ASpecThatIsNotThere_IsRefused_AndNoModelIsBegun()
    {
        var ended = await WorkerProcess.RunAsync("pretrain", At("none.json"), "--out", At("model"));

        Assert.Equal((3, ""), (ended.ExitCode, ended.Output));
        Assert.Contains(At("none.json") + ": the file is missing", ended.Errors, StringComparison.Ordinal);
        Assert.False(Directory.Exists(At("model")));
    }

    private string At(string name) => Path.Join(_folder, name);
}
