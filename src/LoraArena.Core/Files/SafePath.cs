namespace LoraArena.Core.Files;

/// <summary>Paths from parts that somebody outside chose: the result is inside the root, or an exception.</summary>
public static class SafePath
{
    /// <summary>Joins a root and one name of a file or folder directly in it.</summary>
    /// <exception cref="UnsafePathException">The name is empty, has a separator, is a device or climbs out of the root.</exception>
    public static string Join(string root, string name)
    {
        if (!IsPlainName(name)) throw new UnsafePathException(name);
        return Path.Join(root, name);
    }

    /// <summary>
    /// True for a name that can stand alone in a folder on every operating system: no separator, no drive, no dots at its ends, no control
    /// characters.
    /// </summary>
    public static bool IsPlainName(string name)
    {
        if (name.Length is 0 or > 200) return false;
        if (name[0] is '.' or ' ' or '-' || name[^1] is '.' or ' ') return false;
        foreach (var c in name)
        {
            if (c < ' ' || c is '/' or '\\' or ':' or '*' or '?' or '"' or '<' or '>' or '|' or '%' || char.IsSurrogate(c) || char.IsControl(c)) return false;
        }

        var stem = name.Split('.')[0].ToUpperInvariant();
        return !(stem is "CON" or "PRN" or "AUX" or "NUL" || (stem.Length == 4 && stem[..3] is "COM" or "LPT" && char.IsAsciiDigit(stem[3])));
    }
}

/// <summary>A name that may not become part of a path.</summary>
public sealed class UnsafePathException(string name)
    : Exception($"'{(name.Length > 60 ? name[..60] + "…" : name)}' cannot be used as a file name: no separators, no control characters, no leading dot or dash.");
