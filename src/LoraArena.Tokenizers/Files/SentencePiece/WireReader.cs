using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace LoraArena.Tokenizers.Files.SentencePiece;

/// <summary>Reads the fields of a protobuf message, with its place for complaints.</summary>
/// <param name="file">The file, for complaints.</param>
/// <param name="bytes">The message.</param>
/// <param name="start">Where the message begins in the file.</param>
internal ref struct WireReader(string file, ReadOnlySpan<byte> bytes, int start)
{
    private const int Varint = 0;
    private const int EightBytes = 1;
    private const int Delimited = 2;
    private const int FourBytes = 5;

    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _at;
    private int _kind;
    private int _fieldAt;

    /// <summary>Number of the field that the reader is at.</summary>
    public int Field { get; private set; }

    /// <summary>Goes to the next field, whose value must be read or skipped before the one after it.</summary>
    public bool Next()
    {
        if (_at == _bytes.Length) return false;
        _fieldAt = _at;
        var tag = ReadVarint();
        (Field, _kind) = ((int)Math.Min(tag >> 3, int.MaxValue), (int)(tag & 7));
        return Field > 0 ? true : throw Problem("a field has the number 0");
    }

    /// <summary>A whole number.</summary>
    public long Number()
    {
        Want(Varint, "a number");
        return (long)ReadVarint();
    }

    /// <summary>True or false.</summary>
    public bool Flag() => Number() != 0;

    /// <summary>A number of single precision.</summary>
    public float Real()
    {
        Want(FourBytes, "a number of four bytes");
        var value = BinaryPrimitives.ReadSingleLittleEndian(Take(4));
        return float.IsFinite(value) ? value : throw Problem("the number is not finite");
    }

    /// <summary>Bytes.</summary>
    public ReadOnlySpan<byte> Bytes()
    {
        Want(Delimited, "a text, bytes or a message");
        return Take(ReadVarint());
    }

    /// <summary>A text.</summary>
    public string Text()
    {
        var text = Bytes();
        return Utf8.IsValid(text) ? Encoding.UTF8.GetString(text) : throw Problem("the text is not UTF-8");
    }

    /// <summary>A message within this one.</summary>
    public WireReader Message()
    {
        var message = Bytes();
        return new WireReader(file, message, start + _at - message.Length);
    }

    /// <summary>Passes over the value.</summary>
    public void Skip()
    {
        switch (_kind)
        {
            case Varint:
                ReadVarint();
                break;
            case EightBytes:
                Take(8);
                break;
            case Delimited:
                Take(ReadVarint());
                break;
            case FourBytes:
                Take(4);
                break;
            default:
                throw Problem($"the field has the wire type {_kind}");
        }
    }

    /// <summary>A complaint about the field.</summary>
    public readonly TokenizerException Problem(string problem)
        => new(file, $"byte {start + _fieldAt}", $"the file is not a SentencePiece model: {problem}");

    private readonly void Want(int kind, string what)
    {
        if (_kind != kind) throw Problem($"field {Field} has the wire type {_kind}, wanted {what}");
    }

    private ulong ReadVarint()
    {
        var value = 0UL;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var b = Take(1)[0];
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80) return value;
        }

        throw Problem("a number has more than ten bytes");
    }

    private ReadOnlySpan<byte> Take(ulong count)
    {
        if (count > (ulong)(_bytes.Length - _at)) throw Problem("it ends within a field");
        var taken = _bytes.Slice(_at, (int)count);
        _at += (int)count;
        return taken;
    }
}
