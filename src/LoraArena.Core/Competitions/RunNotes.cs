namespace LoraArena.Core.Competitions;

/// <summary>What people write about a run: the file notes.json in its folder.</summary>
/// <param name="Note">Free text.</param>
/// <param name="Tags">Words to find it by, in lower case, sorted.</param>
public sealed record RunNotes(string Note, IReadOnlyList<string> Tags)
{
    /// <summary>Characters that a note may have.</summary>
    public const int MaxNoteCharacters = 4000;

    /// <summary>Characters that a tag may have.</summary>
    public const int MaxTagCharacters = 30;

    /// <summary>Tags that a run may have.</summary>
    public const int MaxTags = 20;

    /// <summary>Nothing written.</summary>
    public static RunNotes Empty { get; } = new("", []);

    /// <summary>Reads what a person typed: tags are apart by commas or blanks.</summary>
    /// <exception cref="FormatException">The note or a tag is too long, or there are too many; the message says so.</exception>
    public static RunNotes Parse(string note, string tags)
    {
        note = note.Trim().ReplaceLineEndings("\n");
        if (note.Length > MaxNoteCharacters)
        {
            throw new FormatException(FormattableString.Invariant($"The note has {note.Length} characters; {MaxNoteCharacters} are allowed."));
        }

        var words = tags.Split([',', ' ', '\t', '\n', '\r', '#'], StringSplitOptions.RemoveEmptyEntries)
            .Select(t => t.ToLowerInvariant())
            .Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal)
            .ToList();
        if (words.Count > MaxTags) throw new FormatException(FormattableString.Invariant($"There are {words.Count} tags; {MaxTags} are allowed."));
        if (words.FirstOrDefault(w => w.Length > MaxTagCharacters || w.Any(char.IsControl)) is { } wrong)
        {
            throw new FormatException($"A tag has 1 to {MaxTagCharacters} visible characters; '{wrong[..Math.Min(wrong.Length, MaxTagCharacters)]}…' does not.");
        }

        return new RunNotes(note, words);
    }
}
