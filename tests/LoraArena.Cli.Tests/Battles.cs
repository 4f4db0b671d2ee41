using System.Globalization;

namespace LoraArena.Cli.Tests;

/// <summary>Small competition files.</summary>
internal static class Battles
{
    /// <summary>Training data: short battles, three prompts in turn each asked by two rows, the three outcomes in turn.</summary>
    public static string Train(int rows)
    {
        var lines = Enumerable.Range(0, rows).Select(i =>
        {
            var winner = (i % 3) switch { 0 => "1,0,0", 1 => "0,1,0", _ => "0,0,1" };
            return string.Create(
                CultureInfo.InvariantCulture,
                $"t{i},\"[\"\"What is {i / 2} plus one?\"\"]\",\"[\"\"It is {(i / 2) + 1}{(i % 3 == 0 ? ", and I am glad to help" : "")}.\"\"]\",\"[\"\"I think it is {(i / 2) + 1}, or so.\"\"]\",{winner}");
        });
        return "id,prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie\n" + string.Join('\n', lines) + "\n";
    }

    /// <summary>Test data.</summary>
    public static string Test(int rows)
    {
        var lines = Enumerable.Range(0, rows).Select(i =>
            string.Create(CultureInfo.InvariantCulture, $"x{i},\"[\"\"What is {i} times two?\"\"]\",\"[\"\"{i * 2}\"\"]\",\"[\"\"I do not know.\"\"]\""));
        return "id,prompt,response_a,response_b\n" + string.Join('\n', lines) + "\n";
    }

    /// <summary>A submission, or the sample of one, for <see cref="Test"/>.</summary>
    public static string Submission(int rows, string probabilities = "0.3,0.4,0.3")
        => "id,winner_model_a,winner_model_b,winner_tie\n"
            + string.Concat(Enumerable.Range(0, rows).Select(i => string.Create(CultureInfo.InvariantCulture, $"x{i},{probabilities}\n")));
}
