using System.Text.Json.Nodes;
using LoraArena.Learning.Models;

namespace LoraArena.Learning.Tests.Models;

/// <summary>config.json files that must not be used: refused with a sentence, before anything is allocated.</summary>
public sealed class ConfigRefusalTests
{
    private static readonly Dictionary<string, (string Model, Action<JsonObject> Change, string Says)> Cases = new()
    {
        ["no model_type"] = ("bert-tiny", c => c.Remove("model_type"), "there is no model_type"),
        ["a model_type that is not built"] = (
            "bert-tiny", c => c["model_type"] = "t5",
            "model_type 't5' is not supported; these are: bert, deberta-v2, gemma, gemma2, llama, mistral, qwen2, qwen3, roberta, xlm-roberta"),
        ["a model_type that is a number"] = ("bert-tiny", c => c["model_type"] = 7, "'model_type' is 7; text is needed"),
        ["BERT heads that do not divide"] = ("bert-tiny", c => c["num_attention_heads"] = 5, "hidden_size 24 cannot be divided among 5 attention heads"),
        ["Llama heads that do not divide"] = ("llama-tiny", c => c["num_key_value_heads"] = 3, "4 query heads cannot share 3 key and value heads evenly"),
        ["more key than query heads"] = ("llama-tiny", c => c["num_key_value_heads"] = 8, "4 query heads cannot share 8 key and value heads evenly"),
        ["an odd head size"] = ("llama-tiny", c => c["head_dim"] = 5, "head_dim 5 is odd"),
        ["a size of 0"] = ("bert-tiny", c => c["hidden_size"] = 0, "'hidden_size' is 0; a whole number from 1 to 65536 is needed"),
        ["a size below 0"] = ("bert-tiny", c => c["vocab_size"] = -97, "'vocab_size' is -97"),
        ["a size that is a fraction"] = ("bert-tiny", c => c["hidden_size"] = 24.5, "'hidden_size' is 24.5"),
        ["a size that is text"] = ("bert-tiny", c => c["hidden_size"] = "24", "'hidden_size' is \"24\""),
        ["a vocabulary of 10^12"] = ("bert-tiny", c => c["vocab_size"] = 1_000_000_000_000, "'vocab_size' is 1000000000000"),
        ["a million layers"] = ("llama-tiny", c => c["num_hidden_layers"] = 1_000_000, "'num_hidden_layers' is 1000000"),
        ["BERT sizes of which only the product is absurd"] = (
            "bert-tiny", c => (c["hidden_size"], c["num_hidden_layers"], c["num_attention_heads"]) = (65_536, 1_000, 64),
            "more than the 400000000000 that are allowed"),
        ["a BERT with absurdly many positions"] = (
            "bert-tiny", c => (c["hidden_size"], c["max_position_embeddings"], c["num_attention_heads"]) = (65_536, 10_000_000, 64),
            "more than the 400000000000 that are allowed"),
        ["Llama sizes of which only the product is absurd"] = (
            "llama-tiny", c => (c["hidden_size"], c["intermediate_size"], c["num_hidden_layers"]) = (65_536, 262_144, 1_000),
            "more than the 400000000000 that are allowed"),
        ["a Llama with absurdly wide heads"] = (
            "llama-tiny",
            c => (c["hidden_size"], c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"]) = (65_536, 1_024, 1_024, 4_096),
            "more than the 400000000000 that are allowed"),
        ["another activation in BERT"] = ("bert-tiny", c => c["hidden_act"] = "mish", "'hidden_act' is 'mish'; supported are gelu, gelu_new,"),
        ["another activation in Llama"] = ("llama-tiny", c => c["hidden_act"] = "mish", "'hidden_act' is 'mish'; supported are gelu, gelu_new,"),
        ["relative positions in BERT"] = ("bert-tiny", c => c["position_embedding_type"] = "relative_key", "'position_embedding_type' is 'relative_key'"),
        ["a BERT that sees only what came before"] = ("bert-tiny", c => c["is_decoder"] = true, "'is_decoder' is true"),
        ["another scaling of rotary positions, as Transformers 5 writes it"] = (
            "llama-tiny", c => c["rope_parameters"]!["rope_type"] = "longrope",
            "'rope_type' is 'longrope'; supported are default, linear, dynamic, llama3 and yarn"),
        ["another scaling of rotary positions, as Transformers 4 wrote it"] = (
            "llama-tiny", c => (c["rope_parameters"], c["rope_scaling"]) = (null, new JsonObject { ["type"] = "su", ["factor"] = 2.0 }),
            "'rope_type' is 'su'"),
        ["scaled rotary positions without a factor"] = ("llama-tiny", c => c["rope_parameters"]!["rope_type"] = "linear", "'factor' is missing"),
        ["Llama 3's scaling with its frequencies exchanged"] = (
            "families/llama-3", c => (c["rope_parameters"]!["low_freq_factor"], c["rope_parameters"]!["high_freq_factor"]) = (4.0, 1.0),
            "'high_freq_factor' is 1, not more than 'low_freq_factor' 4"),
        ["heads that are rotated in part"] = ("llama-tiny", c => c["partial_rotary_factor"] = 0.5, "'partial_rotary_factor' is 0.5"),
        ["rotary positions that differ between layers"] = (
            "families/gemma2",
            c => c["rope_parameters"] = new JsonObject { ["full_attention"] = new JsonObject { ["rope_type"] = "default" } },
            "differ between kinds of layers"),
        ["a kind of layer that is not built"] = ("families/qwen2", c => c["layer_types"]![0] = "chunked_attention", "'layer_types' names 'chunked_attention'"),
        ["too few kinds of layers"] = ("families/qwen2", c => c["layer_types"]!.AsArray().RemoveAt(0), "'layer_types' names 2 layers of 3"),
        ["a window that is asked for and not given"] = ("families/qwen3", c => c["layer_types"]![0] = "sliding_attention", "no 'sliding_window' is set"),
        ["a Gemma whose tokens see all others"] = ("families/gemma", c => c["use_bidirectional_attention"] = true, "'use_bidirectional_attention' is true"),
        ["a RoBERTa without room for positions"] = ("families/roberta", c => c["max_position_embeddings"] = 2, "positions begin at 2"),
        ["another term in DeBERTa's scores"] = ("families/deberta-v3", c => c["pos_att_type"] = "p2p|c2p", "'pos_att_type' names 'p2p'"),
        ["a DeBERTa without order"] = ("families/deberta-v3", c => c["relative_attention"] = false, "so tokens have no order"),
        ["a DeBERTa with more buckets than distances"] = ("families/deberta-v3", c => c["position_buckets"] = 512, "'position_buckets' is 512, too many"),
        ["a convolution of even width"] = ("families/deberta-v2", c => c["conv_kernel_size"] = 4, "'conv_kernel_size' is 4; an odd one is needed"),
        ["a pooler of another width"] = ("families/deberta-v3", c => c["pooler_hidden_size"] = 8, "'pooler_hidden_size' is 8; only 16 is supported"),
        ["a rotary base of 0"] = ("llama-tiny", c => c["rope_parameters"]!["rope_theta"] = 0, "'rope_theta' is 0"),
        ["an epsilon beyond all numbers"] = ("bert-tiny", c => c["layer_norm_eps"] = JsonNode.Parse("1e999"), "'layer_norm_eps' is 1e999"),
        ["an epsilon below 0"] = ("llama-tiny", c => c["rms_norm_eps"] = -1e-6, "'rms_norm_eps' is -1E-06"),
        ["a dropout of 1"] = ("bert-tiny", c => c["hidden_dropout_prob"] = 1, "'hidden_dropout_prob' is 1; a number from 0 to 0.99 is needed"),
        ["a truth value that is a number"] = ("llama-tiny", c => c["attention_bias"] = 1, "'attention_bias' is 1; true or false is needed"),
    };

    public static TheoryData<string> Names => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Read_RefusesAConfigWith(string name)
    {
        var (model, change, says) = Cases[name];
        using var folder = new ModelFolder(model).Config(change);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<ModelException>(() => ModelCatalog.Read(folder.Path));
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.StartsWith(folder.Path, error.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Theory]
    [InlineData("not JSON", "{\"model_type\":", "is not valid JSON")]
    [InlineData("a list", "[]", "is not a JSON object")]
    [InlineData("nested a thousand deep", "{\"a\":", "is not valid JSON")]
    public void Read_RefusesAFileThatIs(string what, string content, string says)
    {
        Assert.NotEmpty(what);
        var text = content == "{\"a\":" ? content + new string('[', 1000) + new string(']', 1000) + "}" : content;
        using var folder = new ModelFolder("bert-tiny").Write("config.json", text);
        Assert.Contains(says, Assert.Throws<ModelException>(() => ModelCatalog.Read(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_RefusesAFileOfMoreThanAMegabyte()
    {
        using var folder = new ModelFolder("bert-tiny").Config(c => c["note"] = new string('x', 1 << 20));
        Assert.Contains("larger than 1 MiB", Assert.Throws<ModelException>(() => ModelCatalog.Read(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_SaysWhetherTheFolderOrTheFileIsMissing()
    {
        using var folder = new ModelFolder("bert-tiny").Remove("config.json");
        Assert.Contains("no config.json", Assert.Throws<ModelException>(() => ModelCatalog.Read(folder.Path)).Message, StringComparison.Ordinal);
        Assert.Contains(
            "no such folder", Assert.Throws<ModelException>(() => ModelCatalog.Read(Path.Join(folder.Path, "absent"))).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("bert-tiny")]
    [InlineData("llama-tiny")]
    public void Read_TakesTheConfigThatTheCasesStartFrom(string model)
    {
        // The negative control of all the cases above.
        using var folder = new ModelFolder(model);
        Assert.Equal(24, ModelCatalog.Read(folder.Path).Config.HiddenSize);
    }

    [Fact]
    public void Read_TakesTheFieldsOfTransformers4()
    {
        using var folder = new ModelFolder("llama-tiny").Config(c =>
        {
            c.Remove("rope_parameters");
            c["rope_theta"] = 12345.0;
            c["rope_scaling"] = null;
        });
        var config = Assert.IsType<LoraArena.Learning.Models.Decoders.DecoderShape>(ModelCatalog.Read(folder.Path).Config);
        Assert.Equal(12345.0, config.Rotary.Theta);
    }
}
