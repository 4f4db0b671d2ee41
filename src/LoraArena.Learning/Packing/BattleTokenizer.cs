using LoraArena.Core.Battles;
using LoraArena.Data.Splits;
using LoraArena.Learning.Models;
using LoraArena.Tokenizers;

namespace LoraArena.Learning.Packing;

/// <summary>Turns the texts of battles into tokens, turn by turn, on all processors.</summary>
public sealed class BattleTokenizer
{
    private readonly HuggingFaceTokenizer _tokenizer;

    /// <summary>A tokenizer of battles for one model.</summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="kind">Encoders get special tokens between the parts, decoders words.</param>
    /// <param name="config">The model's configuration: it may name the padding token.</param>
    /// <exception cref="TokenizerException">The tokenizer lacks a token that the template needs.</exception>
    public BattleTokenizer(HuggingFaceTokenizer tokenizer, ModelKind kind, ModelConfig config)
    {
        _tokenizer = tokenizer;
        var pad = tokenizer.SpecialTokens.Pad ?? config.PadTokenId ?? 0;
        Template = kind == ModelKind.Encoder ? ForEncoder(tokenizer, pad) : ForDecoder(tokenizer, pad);
    }

    /// <summary>The tokens round the parts of a battle.</summary>
    public PackingTemplate Template { get; }

    /// <summary>Tokens of battles, in their order.</summary>
    public IReadOnlyList<TokenizedBattle> Tokenize(IReadOnlyList<Battle> battles)
        => [.. battles.AsParallel()
            .AsOrdered()
            .Select(b => new TokenizedBattle(b.Id, Turns(b.Prompts), Turns(b.ResponsesA), Turns(b.ResponsesB), b.Winner, PromptGroup.Key(b)))];

    /// <summary>Tokens of one text.</summary>
    public IReadOnlyList<int> Tokenize(string text) => _tokenizer.EncodeToIds(text);

    private int[][] Turns(IReadOnlyList<string?> turns) => [.. turns.Select(turn => _tokenizer.EncodeToIds(turn ?? "").ToArray())];

    // [CLS] prompt [SEP] answer A [SEP] answer B [SEP]
    private static PackingTemplate ForEncoder(HuggingFaceTokenizer tokenizer, int pad)
    {
        var specials = tokenizer.SpecialTokens;
        var start = specials.Cls
            ?? specials.Bos
            ?? throw new TokenizerException("tokenizer.json", "$.added_tokens", "an encoder needs a [CLS] token, and this tokenizer has none");
        var separator = specials.Sep
            ?? specials.Eos
            ?? throw new TokenizerException("tokenizer.json", "$.added_tokens", "an encoder needs a [SEP] token, and this tokenizer has none");
        return new PackingTemplate([start], [separator], [separator], [separator], tokenizer.EncodeToIds("\n"), tokenizer.EncodeToIds("…"), pad);
    }

    // The parts are named in words, as the model has seen such text; the last token, which the head looks at, comes after all of it.
    private static PackingTemplate ForDecoder(HuggingFaceTokenizer tokenizer, int pad)
    {
        int[] start = tokenizer.SpecialTokens.Bos is { } bos ? [bos] : [];
        return new PackingTemplate(
            [.. start, .. tokenizer.EncodeToIds("Prompt:\n")],
            tokenizer.EncodeToIds("\n\nAnswer A:\n"),
            tokenizer.EncodeToIds("\n\nAnswer B:\n"),
            tokenizer.EncodeToIds("\n\nBetter answer:"),
            tokenizer.EncodeToIds("\n\n"),
            tokenizer.EncodeToIds(" … "),
            pad);
    }
}
