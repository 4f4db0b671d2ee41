using static System.FormattableString;

namespace LoraArena.Data.Submissions;

/// <summary>Findings of one kind: counted, the first few kept, so that memory does not grow with them.</summary>
internal sealed class Findings
{
    private const int MaxShown = 5;

    private readonly List<string> _first = [];

    public int Count { get; private set; }

    public void Add(string what)
    {
        Count++;
        if (_first.Count < MaxShown) _first.Add(what);
    }

    /// <summary>Adds a sentence about them where there are any.</summary>
    public void WriteTo(List<string> messages, string one, string several, string advice = "")
    {
        if (Count == 0) return;
        messages.Add(Invariant($"{Count:#,0} {(Count == 1 ? one : several)} ({string.Join("; ", _first)}{(Count > MaxShown ? "; …" : "")}){advice}."));
    }
}
