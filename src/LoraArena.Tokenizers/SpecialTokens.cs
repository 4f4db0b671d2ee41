namespace LoraArena.Tokenizers;

/// <summary>Ids of the tokens with a role, as Transformers' AutoTokenizer assigns them; null for a role that no token of the vocabulary plays.</summary>
/// <param name="Cls">First token of a classified sequence.</param>
/// <param name="Sep">Between or after sequences.</param>
/// <param name="Bos">Beginning of a generated sequence.</param>
/// <param name="Eos">End of a generated sequence.</param>
/// <param name="Pad">Fills up short sequences of a batch.</param>
/// <param name="Unk">Stands for what the vocabulary does not know; where the folder names none, the model's own.</param>
/// <param name="Mask">Stands for a token to be guessed.</param>
public sealed record SpecialTokens(int? Cls, int? Sep, int? Bos, int? Eos, int? Pad, int? Unk, int? Mask);
