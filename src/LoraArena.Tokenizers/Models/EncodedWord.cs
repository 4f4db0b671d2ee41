namespace LoraArena.Tokenizers.Models;

/// <summary>A word and its tokens. Never changed after it is made.</summary>
/// <param name="Word">The word, or empty where it is too long to be kept.</param>
/// <param name="Ids">Ids of the tokens.</param>
/// <param name="Starts">Where each token begins, in bytes of the word's UTF-8.</param>
/// <param name="Ends">Where each token ends, in bytes of the word's UTF-8.</param>
internal sealed record EncodedWord(string Word, int[] Ids, int[] Starts, int[] Ends);
