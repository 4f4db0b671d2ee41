"""Writes src/LoraArena.Tokenizers/Unicode/UnicodeTables.cs: what Hugging Face tokenizers thinks of every code point.

The library is asked about each code point through its own components, so the tables hold its answers whatever Unicode version stands behind
each of them (Oniguruma, Rust's standard library and regex crate, unicode_categories, unicode-normalization-alignments).

    python make_unicode_tables.py          needs tokenizers (made with 0.23.3); no seed, no network
"""
import base64
import pathlib
import unicodedata

import tokenizers
from tokenizers import Regex, normalizers, pre_tokenizers

POINTS = [p for p in range(0x110000) if not 0xD800 <= p <= 0xDFFF]
EVERYTHING = "".join(map(chr, POINTS))
TARGET = pathlib.Path(__file__).resolve().parents[3] / "src/LoraArena.Tokenizers/Unicode/UnicodeTables.cs"


def oniguruma(pattern):
    pieces = pre_tokenizers.Split(Regex(pattern), "removed", invert=True).pre_tokenize_str(EVERYTHING)
    return {ord(c) for piece, _ in pieces for c in piece}


def isolated_by(splitter):
    return {p for p in POINTS if len(splitter.pre_tokenize_str("a" + chr(p) + "a")) == 3}


def removed_by(normalizer):
    return {p for p in POINTS if normalizer.normalize_str(chr(p)) == ""}


def changed_by(normalizer):
    return {p for p in POINTS if normalizer.normalize_str(chr(p)) != chr(p)}


def bert(**options):
    off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**(off | options))


def rust_words():
    split = pre_tokenizers.Whitespace()  # \w+|[^\w\s]+ of Rust's regex crate
    return {p for p in POINTS if len(split.pre_tokenize_str("!" + chr(p))) == 2}


def combining_classes():
    """The class of each code point, found by where NFD sorts it among marks whose classes are known."""
    nfd = normalizers.NFD()

    def precedes(a, b):  # a is sorted before b although it stands after it
        return a != b and nfd.normalize_str(b + a) == a + b

    overlay, acute = "\u0334", "\u0301"
    anchors = {}
    for p in POINTS:
        mark = chr(p)
        known = unicodedata.combining(mark)
        # A mark that is younger than the library's Unicode never moves.
        if known and known not in anchors and (precedes(mark, acute) or precedes(overlay, mark)):
            anchors[known] = mark
    ranked = sorted(anchors)
    classes = {}
    for p in POINTS:
        mark = chr(p)
        if unicodedata.combining(mark) == 0 and unicodedata.category(mark)[0] not in "MC":
            continue
        if nfd.normalize_str(mark) != mark:
            continue
        lower = [r for r in ranked if precedes(anchors[r], mark)]
        higher = [r for r in ranked if precedes(mark, anchors[r])]
        if lower or higher:
            between = [r for r in ranked if r not in lower and r not in higher]
            assert len(between) == 1, (hex(p), lower, higher)
            classes[p] = between[0]
    return classes


# In the order of .NET's UnicodeCategory.
CATEGORIES = ("Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Zs Zl Zp Cc Cf Cs Co Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Cn").split()


def categories():
    """The general category that Oniguruma gives each code point; those of no other are not assigned (Cn)."""
    found = {}
    for number, name in enumerate(CATEGORIES):
        if name in ("Cs", "Cn"):
            continue
        for p in oniguruma(rf"\p{{{name}}}+"):
            assert p not in found, hex(p)
            found[p] = number
    return found


TRAITS = {
    "Letter": oniguruma(r"\p{L}+"),
    "Number": oniguruma(r"\p{N}+"),
    "Space": oniguruma(r"\s+"),
    "OnigurumaWord": oniguruma(r"\w+"),
    "RustWord": rust_words(),
    "RustNumeric": isolated_by(pre_tokenizers.Digits(individual_digits=True)),
    "Punctuation": isolated_by(pre_tokenizers.Punctuation()),
    "BertControl": removed_by(bert(clean_text=True)),
    "NonspacingMark": removed_by(bert(strip_accents=True)),
    "CombiningMark": removed_by(normalizers.StripAccents()),
    "Decomposes": changed_by(normalizers.NFD()),
    "DecomposesCompatibly": changed_by(normalizers.NFKD()),
    "HasLowercase": changed_by(normalizers.Lowercase()),
}


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def zigzag(value):
    return varint(value * 2 if value >= 0 else -value * 2 - 1)


def kinds():
    """Runs of code points of one kind, and the kinds: traits in the low bits, combining class from bit 16, category from bit 24."""
    classes, category = combining_classes(), categories()
    palette, runs = [], []
    for p in range(0x110000):
        kind = sum(1 << bit for bit, members in enumerate(TRAITS.values()) if p in members) | classes.get(p, 0) << 16
        kind |= category.get(p, CATEGORIES.index("Cn")) << 24
        if kind not in palette:
            palette.append(kind)
        index = palette.index(kind)
        if runs and runs[-1][1] == index:
            runs[-1][0] += 1
        else:
            runs.append([1, index])
    assert len(palette) <= 256
    return palette, b"".join(varint(length) + bytes([index]) for length, index in runs)


def lowercase():
    """Runs of (gap to the first, number, distance between them, distance to the lowercase)."""
    lower = normalizers.Lowercase()
    pairs = []
    for p in sorted(TRAITS["HasLowercase"]):
        image = lower.normalize_str(chr(p))
        if p == 0x130:
            assert image == "i\u0307"  # the only one with two characters: written out in the code
            continue
        assert len(image) == 1
        pairs.append((p, ord(image) - p))
    out, last, at = b"", 0, 0
    while at < len(pairs):
        start, delta = pairs[at]
        step, count = 1, 1
        if at + 1 < len(pairs) and pairs[at + 1] in ((start + 1, delta), (start + 2, delta)):
            step = pairs[at + 1][0] - start
        while at + count < len(pairs) and pairs[at + count] == (start + count * step, delta):
            count += 1
        out += varint(start - last) + varint(count) + varint(step) + zigzag(delta)
        last, at = start, at + count
    return out


def literal(data):
    text = base64.b64encode(data).decode()
    lines = [text[i:i + 140] for i in range(0, len(text), 140)]
    return " +\n        ".join(f'"{line}"' for line in lines)


def main():
    palette, runs = kinds()
    traits = "\n\n".join(f"    /// <summary>{SUMMARIES[name]}</summary>\n    {name} = 1 << {bit}," for bit, name in enumerate(TRAITS))
    TARGET.write_text(f"""// <auto-generated>
// Made by tests/LoraArena.Tokenizers.Tests/Fixtures/make_unicode_tables.py from tokenizers {tokenizers.__version__}. Do not edit.
// </auto-generated>
#nullable enable

namespace LoraArena.Tokenizers.Unicode;

/// <summary>What Hugging Face tokenizers thinks of a code point.</summary>
[Flags]
internal enum CharacterTraits
{{
    /// <summary>Nothing.</summary>
    None = 0,

{traits}
}}

/// <summary>The answers of Hugging Face tokenizers about every code point, packed.</summary>
internal static class UnicodeTables
{{
    /// <summary>Each kind of code point that occurs: traits in the low 16 bits, canonical combining class in 8, general category above.</summary>
    public static ReadOnlySpan<int> Kinds => [{", ".join(map(str, palette))}];

    /// <summary>Base64 of runs from U+0000 on: number of code points (variable-length), kind (one byte).</summary>
    public const string Runs =
        {literal(runs)};

    /// <summary>Base64 of lowercase runs, each four variable-length numbers: gap to the first, number, distance between them, distance to the lowercase (zigzag).</summary>
    public const string Lowercase =
        {literal(lowercase())};
}}
""", encoding="utf-8")


SUMMARIES = {
    "Letter": r"Oniguruma's \p{L}.",
    "Number": r"Oniguruma's \p{N}.",
    "Space": r"White space: Oniguruma's \s, the same as Rust's.",
    "OnigurumaWord": r"Oniguruma's \w.",
    "RustWord": r"\w of Rust's regex crate.",
    "RustNumeric": "Rust's char::is_numeric, the Digits pre-tokenizer's idea of a digit.",
    "Punctuation": "What the Bert and Punctuation pre-tokenizers split at.",
    "BertControl": "What BertNormalizer's clean_text removes.",
    "NonspacingMark": "What BertNormalizer's strip_accents removes after decomposition.",
    "CombiningMark": "What the StripAccents normalizer removes.",
    "Decomposes": "Has a canonical decomposition.",
    "DecomposesCompatibly": "Has a canonical or compatibility decomposition.",
    "HasLowercase": "Lowercase differs.",
}

if __name__ == "__main__":
    main()
