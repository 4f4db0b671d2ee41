using LoraArena.Learning.Files;

namespace LoraArena.Learning.Models;

/// <summary>Recognises checkpoints whose weights are quantised, which would load as something else than they are.</summary>
internal static class QuantizedModel
{
    private const string Advice = "Quantised checkpoints are not read; take the model in 16 or 32 bits";

    // What the tools store beside a weight, by the end of its name.
    private static readonly (string Ending, string Method)[] Companions =
    [
        (".qweight", "GPTQ or AWQ"), (".qzeros", "GPTQ or AWQ"), (".g_idx", "GPTQ"),
        (".SCB", "bitsandbytes, 8 bits"), (".weight_format", "bitsandbytes, 8 bits"),
        (".absmax", "bitsandbytes, 4 bits"), (".quant_map", "bitsandbytes, 4 bits"), (".nested_absmax", "bitsandbytes, 4 bits"),
        (".quant_state.bitsandbytes__nf4", "bitsandbytes, NF4"), (".quant_state.bitsandbytes__fp4", "bitsandbytes, FP4"),
        (".weight_scale", "fp8 or int8 with scales"), (".weight_scale_inv", "fp8 with scales"), (".input_scale", "fp8 with scales"),
        (".weight_packed", "compressed-tensors"), (".weight_zero_point", "compressed-tensors"),
    ];

    /// <summary>Refuses a config.json that says so.</summary>
    /// <exception cref="ModelException">It does.</exception>
    public static void RefuseConfig(ConfigReader config)
    {
        if (config.Inner("quantization_config") is not { } quantization) return;
        var method = quantization.IsText("quant_method") ? quantization.Text("quant_method") : null;
        method ??= quantization.IsTrue("load_in_4bit") || quantization.IsTrue("load_in_8bit") ? "bitsandbytes" : "a method that it does not name";
        var bits = quantization.IsTrue("load_in_4bit") ? 4 : quantization.IsTrue("load_in_8bit") ? 8 : quantization.TokenId("bits");
        throw config.Error($"'quantization_config' says that the weights are quantised ({method}{(bits is null ? "" : $", {bits} bits")}). {Advice}");
    }

    /// <summary>Refuses files with tensors that only quantised weights have.</summary>
    /// <exception cref="ModelException">There is one.</exception>
    public static void RefuseCompanions(string folder, IEnumerable<string> names)
    {
        foreach (var name in names)
        {
            var (_, method) = Companions.FirstOrDefault(c => name.EndsWith(c.Ending, StringComparison.Ordinal));
            if (method is not null) throw new ModelException(folder, $"the tensor '{name}' says that the weights are quantised ({method}). {Advice}");
        }
    }

    /// <summary>Refuses a weight that is not stored as floating-point numbers.</summary>
    /// <exception cref="ModelException">It is not.</exception>
    public static void RefuseType(string folder, SafetensorsEntry entry)
    {
        if (entry.Dtype is "F16" or "BF16" or "F32" or "F64") return;
        throw new ModelException(folder, $"the tensor '{entry.Name}' is stored as {entry.Dtype}, so its weights are quantised or are none. {Advice}");
    }
}
