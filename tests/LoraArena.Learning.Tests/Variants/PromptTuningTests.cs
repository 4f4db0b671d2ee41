using LoraArena.Core.Runs;
using LoraArena.Learning.Models;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Tests.Peft;
using LoraArena.Learning.Tests.Training;
using LoraArena.Learning.Variants;
using TorchSharp;
using static TorchSharp.torch;

[assembly: TinyVariant("prompt-tuning", """{"num_virtual_tokens": 3}""", HasNoShapeKernels = true)]
[assembly: PeftCase("prompt-tuning", "prompt-tuning", "PromptTuningConfig", """{"num_virtual_tokens": 5}""")]

namespace LoraArena.Learning.Tests.Variants;

/// <summary>Prompt tuning (Lester et al. 2021): virtual tokens are what real tokens of the same embedding would be.</summary>
public sealed class PromptTuningTests
{
    private static readonly int[] Words = [7, 61, 33];

    [Theory]
    [InlineData("bert-tiny", "start")]
    [InlineData("llama-tiny", "start")]
    [InlineData("bert-tiny", "after_first")]
    [InlineData("llama-tiny", "after_first")]
    public void RowsThatAreEmbeddingsOfTokens_AreThoseTokens(string fixture, string position)
    {
        // Sequences of different lengths, so that places, padding and the pooled token are all in it.
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var model = Model(fixture, new() { ["virtual_token_position"] = position });
        using var plain = PreferenceModel.Load(Torch.Fixture(fixture), CPU, seed: 3);
        int[][] texts = [[1, 20, 30, 40, 2], [1, 50, 2], [1, 9, 8, 7, 60, 61, 2]];
        var first = position == "start" ? 0 : 1;
        var written = Logits(plain, [.. texts.Select(text => text.Take(first).Concat(Words).Concat(text.Skip(first)).ToArray())]);
        Assert.InRange(Torch.RelativeError(Logits(model, texts), written), 0, 1e-5);

        // The negative control: elsewhere in the text they are something else.
        var elsewhere = Logits(plain, [.. texts.Select(text => text.Take(1 - first).Concat(Words).Concat(text.Skip(1 - first)).ToArray())]);
        Assert.True(Torch.RelativeError(elsewhere, written) > 1e-4);
    }

    [Fact]
    public void TheSecondSegment_StaysWhereItIs()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var model = Model("bert-tiny", []);
        using var plain = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 3);
        int[] text = [1, 20, 30, 2, 40, 50, 2];
        using var batch = TokenBatch.Create([text], padId: 0, CPU, secondSegments: [4]);
        using var written = TokenBatch.Create([[.. Words, .. text]], padId: 0, CPU, secondSegments: [4 + Words.Length]);
        using var shifted = TokenBatch.Create([[.. Words, .. text]], padId: 0, CPU, secondSegments: [4]);
        var expected = plain.Logits(written, ForwardMode.Inference);
        Assert.InRange(Torch.RelativeError(model.Logits(batch, ForwardMode.Inference), expected), 0, 1e-5);
        Assert.True(Torch.RelativeError(plain.Logits(shifted, ForwardMode.Inference), expected) > 1e-4);
    }

    [Fact]
    public void ATextStart_IsRepeatedOrCut_AndNeedsATokenizer()
    {
        using var model = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 3);
        var variant = VariantCatalog.Get("prompt-tuning");
        var options = variant.ReadOptions(new() { ["prompt_tuning_init"] = "text", ["prompt_tuning_init_text"] = "any", ["num_virtual_tokens"] = 4 });
        Assert.Contains("tokenizer", Assert.Throws<OptionException>(() => model.Attach(variant, options, seed: 0)).Message, StringComparison.Ordinal);
        model.TextToIds = _ => Words;
        model.Attach(variant, options, seed: 0);
        using var scope = NewDisposeScope();
        var expected = model.Embeddings!.Table.Value.index_select(0, tensor(new long[] { 7, 61, 33, 7 }));
        Assert.True(model.Adapted!.VirtualTokens!.Rows.Value.Equals(expected));
        Assert.Contains(
            "give both or neither",
            Assert.Throws<OptionException>(() => variant.ReadOptions(new() { ["prompt_tuning_init"] = "text" })).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void MoreVirtualTokensThanPositions_AreRefused_AndSoIsMerging()
    {
        using var model = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 3);
        var variant = VariantCatalog.Get("prompt-tuning");
        var most = model.Config.MaxPositions;
        Assert.Contains(
            "leave no room",
            Assert.Throws<OptionException>(() => model.Attach(variant, new PromptTuningOptions { NumVirtualTokens = most }, seed: 0)).Message,
            StringComparison.Ordinal);
        model.Attach(variant, new PromptTuningOptions { NumVirtualTokens = 2 }, seed: 0);
        Assert.Contains("cannot be merged", Assert.Throws<OptionException>(model.Merge).Message, StringComparison.Ordinal);
        model.Adapted!.Detach();
        using var scope = NewDisposeScope();
        using var plain = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 3);
        Assert.True(TinyTraining.Logits(model).Equals(TinyTraining.Logits(plain)));
    }

    [Fact]
    public void APromptThatPeftWouldPutElsewhere_IsWrittenInAFormThatPeftRefuses()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        using var model = Model("bert-tiny", new() { ["virtual_token_position"] = "after_first" });
        PeftFolder.Write(folder.Path, model, "base");
        Assert.Contains("LORAARENA_", File.ReadAllText(folder.At("adapter_config.json")), StringComparison.Ordinal);
        using var again = PreferenceModel.Load(Torch.Fixture("bert-tiny"), CPU, seed: 3);
        PeftFolder.Load(folder.Path, again);
        Assert.True(TinyTraining.Logits(again).Equals(TinyTraining.Logits(model)));
    }

    // A model whose virtual tokens are the embeddings of Words.
    private static PreferenceModel Model(string fixture, System.Text.Json.Nodes.JsonObject options)
    {
        var model = TinyTraining.Model(fixture, "prompt-tuning", options);
        using var noGrad = no_grad();
        using var ids = tensor(Words.Select(id => (long)id).ToArray());
        using var rows = model.Embeddings!.Table.Value.index_select(0, ids);
        model.Adapted!.VirtualTokens!.Rows.Value.copy_(rows);
        return model;
    }

    private static Tensor Logits(PreferenceModel model, IReadOnlyList<IReadOnlyList<int>> texts)
    {
        using var batch = TokenBatch.Create(texts, padId: 0, CPU);
        return model.Logits(batch, ForwardMode.Inference);
    }
}
