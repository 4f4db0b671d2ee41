using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LoraArena.Core.Runs;

/// <summary>Checks option values against the descriptions that a worker gives: the app before a run is queued, the worker before it starts.</summary>
public static class OptionValues
{
    /// <summary>Checks values by name; what is not given keeps its default.</summary>
    /// <param name="options">The options that there are.</param>
    /// <param name="given">Values by name.</param>
    /// <param name="owner">Whose options they are, for messages: <c>variant lora</c>.</param>
    /// <exception cref="OptionException">A name is unknown, or a value is of the wrong kind or out of bounds.</exception>
    public static void Check(IReadOnlyList<OptionDescription> options, JsonObject given, string owner)
    {
        foreach (var (name, value) in given)
        {
            var option = options.FirstOrDefault(o => o.Name == name)
                ?? throw new OptionException($"{owner} has no option '{name}'; it has {string.Join(", ", options.Select(o => o.Name))}.");
            Check(option, value, owner);
        }
    }

    /// <summary>Reads text as a person types it: <c>16</c>, <c>0.05</c>, <c>true</c>, <c>kaiming</c>, or nothing where that is allowed.</summary>
    /// <exception cref="OptionException">The text is not a value of this option.</exception>
    public static JsonNode? Parse(OptionDescription option, string text, string owner)
    {
        var trimmed = text.Trim();
        JsonNode? value = trimmed.Length == 0 && option.Optional ? null : option.Kind switch
        {
            OptionKind.Integer when long.TryParse(trimmed, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) => whole,
            OptionKind.Integer or OptionKind.Number when double.TryParse(trimmed, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
                && double.IsFinite(number) => number,
            OptionKind.Boolean when bool.TryParse(trimmed, out var flag) => flag,
            _ => trimmed,
        };
        Check(option, value, owner);
        return value;
    }

    private static void Check(OptionDescription option, JsonNode? value, string owner)
    {
        if (value is null)
        {
            if (!option.Optional) throw new OptionException($"{owner}: '{option.Name}' must have a value.");
            return;
        }

        var kind = value.GetValueKind();
        switch (option.Kind)
        {
            case OptionKind.Integer or OptionKind.Number:
                if (kind != JsonValueKind.Number) throw Wrong(option, value, owner, "a number");
                var number = double.Parse(value.ToJsonString(), CultureInfo.InvariantCulture);
                if (option.Kind == OptionKind.Integer && (number != Math.Floor(number) || Math.Abs(number) > 9e15))
                {
                    throw Wrong(option, value, owner, "a whole number");
                }

                if (number < option.Minimum || number > option.Maximum)
                {
                    throw Wrong(option, value, owner, string.Create(CultureInfo.InvariantCulture, $"a number from {option.Minimum} to {option.Maximum}"));
                }

                break;
            case OptionKind.Boolean:
                if (kind is not (JsonValueKind.True or JsonValueKind.False)) throw Wrong(option, value, owner, "true or false");
                break;
            case OptionKind.Choice:
                if (kind != JsonValueKind.String || !option.Choices!.Contains(value.GetValue<string>()))
                {
                    throw Wrong(option, value, owner, "one of " + string.Join(", ", option.Choices!));
                }

                break;
            case OptionKind.Text:
                if (kind != JsonValueKind.String || value.GetValue<string>().Length == 0) throw Wrong(option, value, owner, "text");
                break;
        }
    }

    private static OptionException Wrong(OptionDescription option, JsonNode value, string owner, string wanted)
        => new($"{owner}: '{option.Name}' is {value.ToJsonString()}; {wanted} is needed.");
}

/// <summary>An option that does not exist or a value that it cannot have.</summary>
public sealed class OptionException(string message) : Exception(message);
