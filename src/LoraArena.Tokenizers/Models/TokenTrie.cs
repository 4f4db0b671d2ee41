namespace LoraArena.Tokenizers.Models;

/// <summary>Texts with a number each, for finding the longest that a text begins with.</summary>
internal sealed class TokenTrie
{
    private const int Root = 0;
    private const int None = -1;

    private readonly Dictionary<long, int> _children = [];
    private readonly List<int> _values = [None];

    /// <summary>Adds a text; the same text again replaces its number.</summary>
    public void Add(ReadOnlySpan<char> text, int value)
    {
        var node = Root;
        foreach (var c in text)
        {
            if (!_children.TryGetValue(Edge(node, c), out var child))
            {
                child = _values.Count;
                _values.Add(None);
                _children.Add(Edge(node, c), child);
            }

            node = child;
        }

        _values[node] = value;
    }

    /// <summary>The longest added text that the text begins with: its length and number; length 0 where there is none.</summary>
    public (int Length, int Value) Longest(ReadOnlySpan<char> text)
    {
        var best = (Length: 0, Value: None);
        var node = Root;
        for (var i = 0; i < text.Length && _children.TryGetValue(Edge(node, text[i]), out node); i++)
        {
            if (_values[node] != None) best = (i + 1, _values[node]);
        }

        return best;
    }

    /// <summary>Where every way through the texts begins.</summary>
    public static int Start => Root;

    /// <summary>Goes on by one character; false where no text goes on so.</summary>
    /// <param name="state">The place, <see cref="Start"/> at first.</param>
    /// <param name="next">The character.</param>
    /// <param name="value">The number of the text that ends here; negative where none does.</param>
    public bool TryStep(ref int state, char next, out int value)
    {
        if (!_children.TryGetValue(Edge(state, next), out state))
        {
            value = None;
            return false;
        }

        value = _values[state];
        return true;
    }

    private static long Edge(int node, char c) => ((long)node << 16) | c;
}
