using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using LoraArena.Core.Battles;

namespace LoraArena.Core.Metrics;

/// <summary>
/// The rows that predictions are scored on, in an order that does not depend on the file's: by group, then by id. Two predictors may be
/// compared where <see cref="Hash"/> is the same: the same ids with the same winners in the same groups.
/// </summary>
public sealed class ScoredRows
{
    private ScoredRows(IReadOnlyList<Prediction> rows, string hash) => (Rows, Hash) = (rows, hash);

    /// <summary>Predictions with a known winner, in order.</summary>
    public IReadOnlyList<Prediction> Rows { get; }

    /// <summary>SHA-256 of ids, winners and groups in that order, in lower-case hexadecimal.</summary>
    public string Hash { get; }

    /// <summary>Seed of the draws that all share who are scored on these rows.</summary>
    public long Seed => SeedOf(Hash);

    /// <summary>Orders predictions.</summary>
    /// <exception cref="ArgumentException">No row has a winner, or an id is there twice.</exception>
    public static ScoredRows Of(IEnumerable<Prediction> predictions)
    {
        var rows = predictions.Where(p => p.Winner is not null)
            .OrderBy(p => p.Group, StringComparer.Ordinal)
            .ThenBy(p => p.Id, StringComparer.Ordinal)
            .ToList();
        if (rows.Count == 0) throw new ArgumentException("No row has a known winner, so nothing can be scored.", nameof(predictions));
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var length = new byte[4];
        for (var i = 0; i < rows.Count; i++)
        {
            if (i > 0 && rows[i].Id == rows[i - 1].Id && rows[i].Group == rows[i - 1].Group)
            {
                throw new ArgumentException($"Row '{rows[i].Id}' is there twice.", nameof(predictions));
            }

            Add(rows[i].Id);
            Add(rows[i].Winner!.Value.Name());
            Add(rows[i].Group);
        }

        return new ScoredRows(rows, Convert.ToHexStringLower(hash.GetHashAndReset()));

        void Add(string text)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
            hash.AppendData(length);
            hash.AppendData(bytes);
        }
    }

    /// <summary>Loss of each row, in nats.</summary>
    public double[] Losses() => [.. Rows.Select(row => LogLoss.OfRow(row.Probabilities, row.Winner!.Value))];

    /// <summary>Seed of the draws over the rows with that hash.</summary>
    public static long SeedOf(string hash)
        => long.Parse(hash.AsSpan(0, 15), System.Globalization.NumberStyles.HexNumber, System.Globalization.CultureInfo.InvariantCulture);
}
