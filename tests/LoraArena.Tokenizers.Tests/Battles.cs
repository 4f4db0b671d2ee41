using System.Text;
using System.Text.Json.Nodes;

namespace LoraArena.Tokenizers.Tests;

/// <summary>The texts of a train.csv.</summary>
internal static class Battles
{
    /// <summary>
    /// Every turn that is text. The columns are id, model_a, model_b, prompt, response_a, response_b, …; the cells from prompt to
    /// response_b are JSON arrays.
    /// </summary>
    public static IEnumerable<string> Texts(string path)
    {
        foreach (var row in Rows(File.ReadAllText(path)).Skip(1))
        {
            foreach (var turn in row[3..6].SelectMany(cell => JsonNode.Parse(cell)!.AsArray()))
            {
                if (turn is not null && TryText(turn, out var text) && text.Length > 0) yield return text;
            }
        }
    }

    private static IEnumerable<List<string>> Rows(string csv)
    {
        var row = new List<string>();
        var cell = new StringBuilder();
        var quoted = false;
        for (var i = 0; i < csv.Length; i++)
        {
            var c = csv[i];
            if (c == '"')
            {
                // A doubled quote inside quotes is one.
                if (quoted && i + 1 < csv.Length && csv[i + 1] == '"') cell.Append(csv[i++]);
                else quoted = !quoted;
            }
            else if (!quoted && (c is ',' or '\n'))
            {
                row.Add(cell.ToString());
                cell.Clear();
                if (c == ',') continue;
                yield return row;
                row = [];
            }
            else
            {
                cell.Append(c);
            }
        }
    }

    // Turns with unpaired surrogates are no text for the library.
    private static bool TryText(JsonNode turn, out string text)
    {
        try
        {
            text = turn.GetValue<string>();
            return true;
        }
        catch (InvalidOperationException)
        {
            text = "";
            return false;
        }
    }
}
