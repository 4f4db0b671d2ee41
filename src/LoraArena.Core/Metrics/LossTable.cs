using System.Buffers.Binary;
using System.Runtime.InteropServices;
using LoraArena.Core.Battles;
using LoraArena.Core.Files;
using LoraArena.Core.Statistics;

namespace LoraArena.Core.Metrics;

/// <summary>
/// The losses of one run or baseline on the rows it is scored on: the file losses.bin, made once when it has ended. In front stands what
/// comparisons need, of the same size whatever the number of rows, so a board reads 32 KB of each run; then follows the loss of each row in
/// the order of <see cref="ScoredRows"/>. All numbers are little-endian.
/// <code>
/// "LOSSES01"  rows i32 · groups i32 · resamples i32 · 0 i32 · SHA-256 of the rows · mean f64 · resampled f64[] · flipped f64[]
/// losses f32[rows] · a bit a row: 1 where a new group begins
/// </code>
/// </summary>
/// <param name="RowsHash">What <see cref="ScoredRows.Hash"/> says of the rows.</param>
/// <param name="Sketch">The summary.</param>
public sealed record LossTable(string RowsHash, LossSketch Sketch)
{
    private const int HeadBytes = 8 + 16 + 32 + 8;
    private static readonly byte[] Magic = "LOSSES01"u8.ToArray();

    /// <summary>Bytes of what stands before the rows.</summary>
    private static int FrontBytes => HeadBytes + (2 * sizeof(double) * LossSketch.Size);

    /// <summary>Summarises predictions and writes the file.</summary>
    /// <exception cref="ArgumentException">No row has a winner.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static LossTable Write(string path, IEnumerable<Prediction> predictions)
    {
        var scored = ScoredRows.Of(predictions);
        var losses = scored.Losses();
        var sketch = LossSketch.Of(GroupSums.Of(losses, [.. scored.Rows.Select(r => r.Group)]), scored.Seed);
        var bytes = new byte[FrontBytes + (losses.Length * sizeof(float)) + ((losses.Length + 7) / 8)];
        Magic.CopyTo(bytes, 0);
        foreach (var (i, number) in new[] { losses.Length, sketch.Groups, LossSketch.Size, 0 }.Index())
        {
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8 + (4 * i)), number);
        }

        Convert.FromHexString(scored.Hash).CopyTo(bytes, 24);
        BinaryPrimitives.WriteDoubleLittleEndian(bytes.AsSpan(56), sketch.Mean);
        var at = HeadBytes;
        foreach (var number in sketch.Resampled.Concat(sketch.Flipped))
        {
            BinaryPrimitives.WriteDoubleLittleEndian(bytes.AsSpan(at), number);
            at += sizeof(double);
        }

        for (var i = 0; i < losses.Length; i++)
        {
            BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(at + (i * sizeof(float))), (float)losses[i]);
            if (i == 0 || scored.Rows[i].Group != scored.Rows[i - 1].Group) bytes[at + (losses.Length * sizeof(float)) + (i / 8)] |= (byte)(1 << (i % 8));
        }

        AtomicFile.WriteBytes(path, bytes);
        return new LossTable(scored.Hash, sketch);
    }

    /// <summary>Reads the front of the file; null where there is none, or none of this form: it is made anew then.</summary>
    public static LossTable? TryRead(string path)
    {
        try
        {
            using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var bytes = new byte[FrontBytes];
            if (RandomAccess.Read(file, bytes, 0) != bytes.Length || Front(bytes) is not { } table) return null;
            return RandomAccess.GetLength(file) == FrontBytes + (table.Sketch.Rows * (long)sizeof(float)) + ((table.Sketch.Rows + 7) / 8) ? table : null;
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Reads the losses too, added up group by group; null as in <see cref="TryRead"/>.</summary>
    public static (LossTable Table, GroupSums Sums)? TryReadRows(string path)
    {
        if (TryRead(path) is not { } table) return null;
        var bytes = File.ReadAllBytes(path).AsSpan(FrontBytes);
        var rows = table.Sketch.Rows;
        var losses = MemoryMarshal.Cast<byte, float>(bytes[..(rows * sizeof(float))]);
        var starts = bytes[(rows * sizeof(float))..];
        var (totals, counts, group) = (new double[table.Sketch.Groups], new int[table.Sketch.Groups], -1);
        for (var i = 0; i < rows; i++)
        {
            if ((starts[i / 8] & (1 << (i % 8))) != 0) group++;
            if (group < 0 || group >= totals.Length) return null;
            totals[group] += losses[i];
            counts[group]++;
        }

        return (table, new GroupSums(totals, counts));
    }

    private static LossTable? Front(byte[] bytes)
    {
        var (rows, groups, size) = (Int(8), Int(12), Int(16));
        if (!bytes.AsSpan(0, 8).SequenceEqual(Magic) || rows < 1 || groups < 1 || groups > rows || size != LossSketch.Size) return null;
        var numbers = MemoryMarshal.Cast<byte, double>(bytes.AsSpan(HeadBytes));
        var sketch = new LossSketch(
            rows, groups, BinaryPrimitives.ReadDoubleLittleEndian(bytes.AsSpan(56)), numbers[..size].ToArray(),
            numbers[size..(2 * size)].ToArray());
        return new LossTable(Convert.ToHexStringLower(bytes.AsSpan(24, 32)), sketch);

        int Int(int at) => BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at));
    }
}
