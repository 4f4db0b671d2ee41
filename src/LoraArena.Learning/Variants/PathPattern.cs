using System.Text.RegularExpressions;
using LoraArena.Core.Runs;

namespace LoraArena.Learning.Variants;

/// <summary>
/// A regular expression over the paths of sites. One that never ends has a limit, which no honest one reaches, however busy the machine.
/// Backtracking is used for all: the linear engine takes milliseconds to build one, and a rank pattern may hold hundreds.
/// </summary>
internal sealed class PathPattern
{
    private static readonly TimeSpan MatchTimeout = TimeSpan.FromSeconds(5);
    private readonly string _name;
    private readonly string _expression;
    private readonly Regex _regex;

    /// <summary>Reads an expression.</summary>
    /// <param name="name">The option's name, for messages.</param>
    /// <param name="expression">The expression as the user wrote it.</param>
    /// <param name="pattern">The expression with what the option puts around it.</param>
    /// <exception cref="OptionException">It is not a valid regular expression.</exception>
    public PathPattern(string name, string expression, string pattern)
    {
        (_name, _expression) = (name, expression);
        try
        {
            _regex = new Regex(pattern, RegexOptions.CultureInvariant, MatchTimeout);
        }
        catch (ArgumentException error)
        {
            throw new OptionException($"{name} '{expression}' is not a valid regular expression: {error.Message}");
        }
    }

    /// <summary>Whether a path matches.</summary>
    /// <exception cref="OptionException">The expression takes too long.</exception>
    public bool IsMatch(string path)
    {
        try
        {
            return _regex.IsMatch(path);
        }
        catch (RegexMatchTimeoutException)
        {
            throw new OptionException($"{_name} '{_expression}' takes too long to match {path}; use a simpler expression or a list of names.");
        }
    }
}
