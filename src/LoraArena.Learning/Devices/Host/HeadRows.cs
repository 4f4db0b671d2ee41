using static TorchSharp.torch;

namespace LoraArena.Learning.Devices.Host;

/// <summary>Where the heads of a tensor [B, H, T, K] lie; the numbers of one token's head lie side by side.</summary>
internal readonly unsafe struct HeadRows
{
    private readonly float* _first;
    private readonly nint _ofSequence;
    private readonly nint _ofHead;
    private readonly nint _ofToken;

    /// <param name="x">The tensor; its caller keeps it.</param>
    public HeadRows(Tensor x)
    {
        _first = TensorPointer.Of(x);
        (_ofSequence, _ofHead, _ofToken) = ((nint)x.stride(0), (nint)x.stride(1), (nint)x.stride(2));
    }

    /// <summary>The rows of one head, a token each.</summary>
    public TokenRows Of(int sequence, int head) => new(_first + (sequence * _ofSequence) + (head * _ofHead), _ofToken);
}

/// <summary>Rows of numbers at equal distances.</summary>
/// <param name="first">The first.</param>
/// <param name="step">Their distance.</param>
internal readonly unsafe struct TokenRows(float* first, nint step)
{
    /// <summary>Their distance.</summary>
    public nint Step => step;

    /// <summary>One of them.</summary>
    public float* this[int token] => first + (token * step);
}
