using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;

namespace LoraArena.Cli;

/// <summary>What System.CommandLine lacks: numbers with bounds and plain messages, options that exclude one another, groups with a command of their own.</summary>
internal static class CommandOptions
{
    /// <summary>An option that takes a number.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="helpName">What help calls its value.</param>
    /// <param name="description">What it is.</param>
    /// <param name="min">The smallest number.</param>
    public static Option<T?> Number<T>(string name, string helpName, string description, T? min = null) where T : struct, INumber<T> => new(name)
    {
        Description = description,
        HelpName = helpName,
        CustomParser = result =>
        {
            var text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
            var style = typeof(T) == typeof(double) ? NumberStyles.Float : NumberStyles.AllowLeadingSign;
            if (T.TryParse(text, style, CultureInfo.InvariantCulture, out var number) && T.IsFinite(number) && !(number < min)) return number;
            result.AddError(string.Create(
                CultureInfo.InvariantCulture,
                $"{name} takes a {(typeof(T) == typeof(double) ? "number" : "whole number")}{(min is null ? "" : $" of at least {min}")}, not '{text}'."));
            return null;
        },
    };

    /// <summary>Lets a command take at most one of some options.</summary>
    public static void AllowOneOf(this Command command, params Option[] options) => command.Validators.Add(result =>
    {
        var given = options.Where(option => IsGiven(result, option)).Select(option => option.Name).ToList();
        if (given.Count > 1) result.AddError($"{string.Join(" and ", given)} exclude one another; give one of them.");
    });

    /// <summary>Makes a command take at least one of some options.</summary>
    public static void RequireOneOf(this Command command, params Option[] options) => command.Validators.Add(result =>
    {
        if (!options.Any(option => IsGiven(result, option))) result.AddError($"Give {string.Join(" or ", options.Select(option => option.Name))}.");
    });

    /// <summary>Lets a group of commands do what one of them does where none is named, as <c>arena models</c> lists the models.</summary>
    public static Command Defaulting(this Command group, Command command)
    {
        group.Action = command.Action;
        return group;
    }

    private static bool IsGiven(SymbolResult result, Option option) => result.GetResult(option) is { Implicit: false };
}
