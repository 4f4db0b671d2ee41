"""What Hugging Face tokenizers makes of texts: a hash for each, so that millions of tokens can be compared.

    python expect_from_library.py TOKENIZER.json TEXTS.jsonl HASHES.txt       needs tokenizers (0.23.3); run by LibrarySweepTests
    python expect_from_library.py TOKENIZER.json --show TEXT_AS_JSON          prints ids, offsets and decoded text of one

A line of TEXTS is a JSON string; a line of HASHES is the SHA-256 of "ids|offsets|decoded": numbers with commas, offsets in UTF-16 units of the text.
"""
import hashlib
import json
import sys

from tokenizers import Tokenizer


def utf16(text, offsets):
    if not any(c > "\uffff" for c in text):
        return offsets
    index = [0]
    for c in text:
        index.append(index[-1] + (2 if c > "\uffff" else 1))
    return [(index[start], index[end]) for start, end in offsets]


def result(tokenizer, text):
    encoding = tokenizer.encode(text, add_special_tokens=False)
    offsets = utf16(text, encoding.offsets)
    return encoding.ids, [i for pair in offsets for i in pair], tokenizer.decode(encoding.ids, skip_special_tokens=False)


def load(path):
    tokenizer = Tokenizer.from_file(path)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def main(path, *rest):
    tokenizer = load(path)
    if rest[0] == "--show":
        print(json.dumps(result(tokenizer, json.loads(rest[1]))))
        return
    with open(rest[0], encoding="utf-8") as texts, open(rest[1], "w", encoding="ascii") as hashes:
        for line in texts:
            ids, offsets, decoded = result(tokenizer, json.loads(line))
            joined = f"{','.join(map(str, ids))}|{','.join(map(str, offsets))}|{decoded}"
            hashes.write(hashlib.sha256(joined.encode("utf-8")).hexdigest() + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
