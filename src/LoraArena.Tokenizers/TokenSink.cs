namespace LoraArena.Tokenizers;

/// <summary>Where the tokens of a text go. One is reused for many texts of one thread.</summary>
internal sealed class TokenSink
{
    private int[] _ids = new int[256];
    private int[] _starts = [];
    private int[] _ends = [];
    private bool _tracks;

    /// <summary>Tokens so far.</summary>
    public int Count { get; private set; }

    /// <summary>The ids so far.</summary>
    public ReadOnlySpan<int> Ids => _ids.AsSpan(0, Count);

    /// <summary>Where in the original the token at an index lies.</summary>
    public (int Start, int End) PlaceOf(int index) => (_starts[index], _ends[index]);

    /// <summary>Begins anew.</summary>
    /// <param name="tracks">True where places will be asked for.</param>
    public void Start(bool tracks)
    {
        if (_ids.Length > 1 << 20) (_ids, _starts, _ends) = (new int[256], [], []);
        (Count, _tracks) = (0, tracks);
    }

    /// <summary>Adds tokens without their places.</summary>
    public void Add(ReadOnlySpan<int> ids)
    {
        Reserve(Count + ids.Length);
        ids.CopyTo(_ids.AsSpan(Count));
        Count += ids.Length;
    }

    /// <summary>Adds a token with its place.</summary>
    public void Add(int id, int start, int end)
    {
        Reserve(Count + 1);
        (_ids[Count], _starts[Count], _ends[Count]) = (id, start, end);
        Count++;
    }

    private void Reserve(int length)
    {
        if (_ids.Length < length) Array.Resize(ref _ids, Math.Max(length, _ids.Length * 2));
        if (!_tracks || _starts.Length >= length) return;
        Array.Resize(ref _starts, _ids.Length);
        Array.Resize(ref _ends, _ids.Length);
    }
}
