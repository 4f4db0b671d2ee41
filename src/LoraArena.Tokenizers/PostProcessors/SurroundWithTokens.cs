using LoraArena.Tokenizers.Files;

namespace LoraArena.Tokenizers.PostProcessors;

/// <summary>TemplateProcessing and BertProcessing: fixed tokens before and after the sequence.</summary>
/// <param name="before">Ids before it.</param>
/// <param name="after">Ids after it.</param>
internal sealed class SurroundWithTokens(int[] before, int[] after) : PostProcessor
{
    /// <inheritdoc/>
    public override IReadOnlyList<int> Surround(IReadOnlyList<int> ids) => [.. before, .. ids, .. after];

    /// <summary>Reads a TemplateProcessing; of its two templates the one for a single sequence.</summary>
    /// <exception cref="TokenizerException">The template names a token that it does not define, or does not hold the sequence once.</exception>
    public static SurroundWithTokens ReadTemplate(JsonPart part, Func<int, string?> tokenOf)
    {
        var defined = new Dictionary<string, int[]>(StringComparer.Ordinal);
        foreach (var (name, token) in part["special_tokens"].Members()) defined.Add(name, [.. token["ids"].Items().Select(id => SpecialId.Read(id, tokenOf))]);

        List<int> before = [], after = [];
        var sequences = 0;
        foreach (var item in part["single"].Items())
        {
            if (item.Find("Sequence") is { } sequence)
            {
                if (sequence["id"].Text() != "A") throw sequence["id"].Wanted("\"A\", the only sequence of a template for one");
                sequences++;
            }
            else
            {
                var name = item["SpecialToken"]["id"].Text();
                var ids = defined.GetValueOrDefault(name)
                    ?? throw item.Problem($"the template names the token \"{name}\", which special_tokens does not define");
                (sequences == 0 ? before : after).AddRange(ids);
            }
        }

        if (sequences != 1) throw part["single"].Problem($"the template holds the sequence {sequences} times, wanted once");
        return new SurroundWithTokens([.. before], [.. after]);
    }

    /// <summary>Reads a BertProcessing.</summary>
    public static SurroundWithTokens ReadBert(JsonPart part, Func<int, string?> tokenOf)
        => new([SpecialId.ReadPair(part["cls"], tokenOf)], [SpecialId.ReadPair(part["sep"], tokenOf)]);
}
