using System.Globalization;

namespace LoraArena.Data.Submissions;

/// <summary>To how many digits after the point a number is written.</summary>
internal static class DigitCount
{
    /// <summary>Digits of a number such as 0.333, 3.33e-1 or 1: three, three, none. Zeros at the end count: they were written.</summary>
    public static int Of(ReadOnlySpan<char> number)
    {
        var exponent = number.IndexOfAny('e', 'E');
        var mantissa = exponent < 0 ? number : number[..exponent];
        var point = mantissa.IndexOf('.');
        var digits = point < 0 ? 0 : mantissa[(point + 1)..].Trim().Length;
        if (exponent >= 0 && int.TryParse(
            number[(exponent + 1)..], NumberStyles.AllowLeadingSign | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture,
            out var power))
        {
            digits = (int)Math.Clamp((long)digits - power, 0, 1000);
        }

        return digits;
    }
}
