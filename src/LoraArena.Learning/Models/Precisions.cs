using static TorchSharp.torch;

namespace LoraArena.Learning.Models;

/// <summary>Names of the forms in which base weights can be kept.</summary>
public static class Precisions
{
    /// <summary>What the device does well.</summary>
    public const string Auto = "auto";

    /// <summary>4-bit codes of normal quantiles (QLoRA).</summary>
    public const string Nf4 = "nf4";

    /// <summary>8-bit whole numbers with a scale a row.</summary>
    public const string Int8 = "int8";

    private static readonly (string Name, ScalarType Type)[] Dense =
        [("fp32", ScalarType.Float32), ("bf16", ScalarType.BFloat16), ("fp16", ScalarType.Float16), ("fp64", ScalarType.Float64)];

    /// <summary>The short name of a type.</summary>
    public static string Name(ScalarType type) => Dense.FirstOrDefault(d => d.Type == type).Name ?? type.ToString();

    /// <summary>The type of a short name; null where it names another form.</summary>
    public static ScalarType? Type(string name) => Dense.Any(d => d.Name == name) ? Dense.First(d => d.Name == name).Type : null;

    /// <summary>A number as a type keeps it.</summary>
    public static double Round(double number, ScalarType type) => type switch
    {
        ScalarType.Float64 => number,
        ScalarType.Float16 => (double)(Half)(float)number,
        ScalarType.BFloat16 => RoundToBfloat16((float)number),
        _ => (float)number,
    };

    // The upper half of an fp32 number; a tie goes to the even one.
    private static float RoundToBfloat16(float number)
    {
        var bits = BitConverter.SingleToUInt32Bits(number);
        return BitConverter.UInt32BitsToSingle((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000);
    }
}
