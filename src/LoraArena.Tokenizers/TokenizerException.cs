namespace LoraArena.Tokenizers;

/// <summary>A tokenizer file that cannot be used, or a text that its rules cannot split in reasonable time.</summary>
/// <param name="file">The file.</param>
/// <param name="place">JSON path of the offending part, such as <c>$.model.vocab</c>.</param>
/// <param name="problem">What was found and what was wanted.</param>
public sealed class TokenizerException(string file, string place, string problem) : Exception($"{file}, {place}: {problem}")
{
    /// <summary>The file.</summary>
    public string File { get; } = file;

    /// <summary>JSON path of the offending part.</summary>
    public string Place { get; } = place;
}
