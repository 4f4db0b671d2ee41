"""Writes the tokenizer fixtures of these tests: small tokenizers of every supported make, and what Hugging Face tokenizers does with hard texts.

    python make_tokenizer_fixtures.py [NAME...]    needs tokenizers (made with 0.23.3) and sentencepiece (0.2.3); seeded in hard_texts.py; with names, only those

A tokenizer that is there already is kept: the library's trainers order equal candidates by chance where a vocabulary has a prefix or suffix.

    texts.json                          the texts: a string, {"units": [UTF-16 units]} or {"repeat": part, "times": n}
    tokenizers/<name>/tokenizer.json    the tokenizers
    tokenizers/<name>/expected.json     ids and offsets (UTF-16 units of the original) by text, ids round the text, decoded texts; hashes for long texts
    normalizers.json, splitters.json    single stages on every code point, as hashes, and the behaviours of Split
    trainer.json                        merges that BpeTrainer learns
"""
import hashlib
import io
import itertools
import json
import pathlib
import sys
import tempfile

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

import hard_texts

HERE = pathlib.Path(__file__).resolve().parent
MADE_WITH = f"make_tokenizer_fixtures.py, tokenizers {tokenizers.__version__}"
CORPUS = (hard_texts.SENTENCES + hard_texts.CODE) * 3
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
CLIP = r"<\|begin\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n")


# The tokenizers.

def byte_pair(pre_tokenizer, normalizer=None, post_processor=None, on_bytes=True, size=620, **model):
    tokenizer = Tokenizer(models.BPE(**model))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    options = {k: model[k] for k in ("continuing_subword_prefix", "end_of_word_suffix") if k in model}
    alphabet = pre_tokenizers.ByteLevel.alphabet() if on_bytes else []
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=size, special_tokens=special, initial_alphabet=alphabet, show_progress=False, **options))
    tokenizer.post_processor = post_processor
    tokenizer.decoder = decoders.ByteLevel() if on_bytes else None
    return tokenizer


def word_piece(normalizer, post_processor, cleanup=True, **model):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", **model))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=900, special_tokens=special, show_progress=False))
    tokenizer.post_processor = post_processor
    tokenizer.decoder = decoders.WordPiece(cleanup=cleanup)
    return tokenizer


def with_added(tokenizer, *added):
    for token in added:
        (tokenizer.add_special_tokens if token.special else tokenizer.add_tokens)([token])
    return tokenizer


def with_unreachable(tokenizer, *words):
    """Puts words into the vocabulary that no merge leads to: only ignore_merges finds them."""
    file = json.loads(tokenizer.to_str())
    for word in words:
        assert word not in file["model"]["vocab"]
        file["model"]["vocab"][word] = len(file["model"]["vocab"])
    return Tokenizer.from_str(json.dumps(file))


def template(before, after, ids):
    single = f"{before} $A {after}".strip()
    return processors.TemplateProcessing(single=single, pair=f"{single} $B:1", special_tokens=ids)


def build():
    bert = template("[CLS]", "[SEP]", [("[CLS]", 2), ("[SEP]", 3)])
    after_split = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    yield "wordpiece-uncased", with_added(
        word_piece(normalizers.BertNormalizer(), bert),
        AddedToken("[NEW]", single_word=True, normalized=False), AddedToken("Caf\u00e9", normalized=True), AddedToken("<tag>", lstrip=True, rstrip=True, normalized=False))
    yield "wordpiece-cased", word_piece(
        normalizers.BertNormalizer(lowercase=False), processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2)), cleanup=False, max_input_chars_per_word=20)
    yield "bytes-gpt2", byte_pair(pre_tokenizers.ByteLevel(add_prefix_space=False), post_processor=processors.ByteLevel(trim_offsets=True))
    yield "bytes-roberta", with_added(
        byte_pair(pre_tokenizers.ByteLevel(add_prefix_space=True), post_processor=processors.RobertaProcessing(("</s>", 2), ("<s>", 0))),
        AddedToken("<mask>", lstrip=True, special=True), AddedToken("keep", single_word=True), AddedToken(" spaced ", rstrip=True),
        AddedToken("longer"), AddedToken("longer token", lstrip=True))
    yield "bytes-llama3", with_unreachable(with_added(
        byte_pair(pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3), "isolated"), after_split]), ignore_merges=True,
                  post_processor=processors.Sequence([processors.ByteLevel(trim_offsets=False), template("<s>", "", [("<s>", 0)])]))),
        "xyzzy", "\u0120antidisestablishmentarianism", "\u00e6\u0139\u00a5\u00e6\u013e\u00ac")
    yield "bytes-qwen2", with_added(
        byte_pair(pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(QWEN2), "isolated"), after_split]), normalizers.NFC(),
                  post_processor=processors.ByteLevel(trim_offsets=False)),
        AddedToken("<|begin|>", special=True), AddedToken("<|end of text|>", special=True), AddedToken("<tag>", normalized=False), AddedToken("Caf\u00e9"))
    yield "bytes-clip", byte_pair(
        pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(CLIP), "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]),
        normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]),
        processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=False, add_prefix_space=False), size=700, end_of_word_suffix="</w>", unk_token="<unk>")
    yield "bytes-starcoder", byte_pair(
        pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]))
    yield "characters-unknown", byte_pair(pre_tokenizers.Whitespace(), normalizers.NFKC(), template("<s>", "</s>", [("<s>", 0), ("</s>", 2)]), on_bytes=False, unk_token="<unk>")
    yield "characters-fused", byte_pair(
        pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.Digits(individual_digits=False)]),
        normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Strip(True, True),
                              normalizers.Replace("ll", "LLL"), normalizers.Replace(Regex(r"\w{4}x?"), "wxyz"), normalizers.Prepend("\u2581\u2581")]),
        on_bytes=False, size=900, unk_token="<unk>", fuse_unk=True, continuing_subword_prefix="##")


# Those of the SentencePiece kind.

O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|" + "[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|"
            r"\s*[\r\n]+|\s+(?!\S)|\s+")
BYTES = [f"<0x{b:02X}>" for b in range(256)]

# Replacements as SentencePiece compiles them: a line each of code points, a tab, and what stands for them.
RULES = ["41\t61", "c9\te9", "65 301\te9", "45 301\te9", "ff21\t61", "ff22\t62", "fb01\t66 69", "fb03\t66 66 69", "fdfa\t635 644 649", "2460\t31", "bd\t31 2044 32",
         "2122\t54 4d", "212b\te5", "958\t915 93c", "9\t20", "a\t20", "d\t20", "a0\t20", "3000\t20", "200b\t", "ad\t", "feff\t", "1\t", "7f\t", "a9\t28 63 29",
         "d55c\t1112 1161 11ab", "1d49c\t41", "304b 3099\t304c", "2026\t2e 2e 2e", "e33\te4d e32"]


def charsmap():
    import sentencepiece
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as rules:
        rules.write("\n".join(RULES) + "\n")
        rules.flush()
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(CORPUS), model_writer=model, vocab_size=600, hard_vocab_limit=False,
                                                 normalization_rule_tsv=rules.name, minloglevel=2)
    from transformers.convert_slow_tokenizer import import_protobuf
    proto = import_protobuf().ModelProto()
    proto.ParseFromString(model.getvalue())
    return proto.normalizer_spec.precompiled_charsmap


def pieces(size):
    """Tokens and scores that UnigramTrainer learns, the unknown token first."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(CORPUS, trainers.UnigramTrainer(vocab_size=size, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False))
    return [tuple(piece) for piece in json.loads(tokenizer.to_str())["model"]["vocab"]]


def unigram(vocab, normalizer, pre_tokenizer, decoder, byte_fallback=False):
    tokenizer = Tokenizer(models.Unigram(vocab, unk_id=0, byte_fallback=byte_fallback))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoder
    return tokenizer


def with_byte_fallback(tokenizer, **model):
    """Gives a BPE model the tokens of all bytes."""
    file = json.loads(tokenizer.to_str())
    for name in BYTES:
        file["model"]["vocab"].setdefault(name, len(file["model"]["vocab"]))
    file["model"].update(byte_fallback=True, **model)
    return Tokenizer.from_str(json.dumps(file))


def whole_texts(normalizer, prefix, **model):
    """BPE as Llama 2 and Gemma have it: no pre-tokenizer, spaces visible; trained on words, then given whole texts."""
    tokenizer = byte_pair(pre_tokenizers.Metaspace(prepend_scheme="always"), on_bytes=False, unk_token="<unk>", fuse_unk=True, size=900)
    tokenizer = with_byte_fallback(tokenizer, **model)
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = None
    steps = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence(steps + ([decoders.Strip(" ", 1, 0)] if prefix else []))
    return tokenizer


def build_more():
    template_s = template("<s>", "", [("<s>", 0)])
    visible = normalizers.Replace(" ", "\u2581")
    llama = whole_texts(normalizers.Sequence([normalizers.Prepend("\u2581"), visible]), prefix=True)
    llama.post_processor = template_s
    yield "sentencepiece-llama2", with_added(llama, AddedToken("<tag>", rstrip=True, normalized=False), AddedToken("keep", normalized=True))
    gemma = whole_texts(visible, prefix=False)
    gemma.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    yield "sentencepiece-gemma", gemma
    after_split = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    yield "bytes-o200k", byte_pair(pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(O200K), "removed", invert=True), after_split]))
    yield "bytes-deepseek", byte_pair(pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"\p{N}{1,3}"), "isolated"), pre_tokenizers.Split(Regex("[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"), "isolated"),
        pre_tokenizers.Split(Regex(DEEPSEEK), "isolated"), after_split]))
    vocab = pieces(700)
    meta = pre_tokenizers.Metaspace
    yield "unigram-deberta", with_added(
        unigram(vocab, normalizers.Sequence([normalizers.Precompiled(charsmap()), normalizers.Strip(False, True), normalizers.Replace(Regex(" {2,}"), "\u2581")]),
                meta(prepend_scheme="always"), decoders.Metaspace(prepend_scheme="always")),
        AddedToken("[MASK]", special=True, lstrip=True), AddedToken("<tag>", normalized=False))
    yield "unigram-bytes", with_added(
        unigram(vocab + [(name, -20.0) for name in BYTES], normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()]), meta(prepend_scheme="first", split=False),
                decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first")]), byte_fallback=True),
        AddedToken("<s>", special=True), AddedToken("keep", normalized=True))
    yield "unigram-xlmr", unigram(vocab, normalizers.Precompiled(charsmap()), pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), meta(prepend_scheme="never")]),
                                  decoders.Metaspace(prepend_scheme="never"))
    words = Tokenizer(models.WordLevel(unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.CharDelimiterSplit("-"), pre_tokenizers.Whitespace(), pre_tokenizers.FixedLength(6)])
    words.train_from_iterator(CORPUS, trainers.WordLevelTrainer(vocab_size=300, special_tokens=["<unk>"], show_progress=False))
    yield "words", words
    normalized = byte_pair(pre_tokenizers.ByteLevel(add_prefix_space=False))
    normalized.normalizer, normalized.pre_tokenizer = normalizers.ByteLevel(), None
    yield "bytes-normalizer", normalized


# What they do.

def plain(text):
    """What Hugging Face is given for a text: unpaired surrogates replaced."""
    if isinstance(text, dict):
        if "repeat" in text:
            return text["repeat"] * text["times"]
        return repair(text["units"])
    return text


def repair(units):
    out, i = [], 0
    while i < len(units):
        if 0xD800 <= units[i] < 0xDC00 and i + 1 < len(units) and 0xDC00 <= units[i + 1] < 0xE000:
            out.append(chr(0x10000 + ((units[i] - 0xD800) << 10) + units[i + 1] - 0xDC00))
            i += 2
        else:
            out.append("\ufffd" if 0xD800 <= units[i] < 0xE000 else chr(units[i]))
            i += 1
    return "".join(out)


def utf16_indices(text):
    indices = [0]
    for c in text:
        indices.append(indices[-1] + (2 if ord(c) > 0xFFFF else 1))
    return indices


def digest(numbers):
    return hashlib.sha256(",".join(map(str, numbers)).encode()).hexdigest()


def expectation(tokenizer, text):
    value = plain(text)
    encoding = tokenizer.encode(value, add_special_tokens=False)
    index = utf16_indices(value)
    offsets = [index[i] for pair in encoding.offsets for i in pair]
    if isinstance(text, dict) and "repeat" in text:
        return {"count": len(encoding.ids), "ids": digest(encoding.ids), "offsets": digest(offsets)}
    return {"ids": encoding.ids, "offsets": offsets, "decoded": tokenizer.decode(encoding.ids, skip_special_tokens=False)}


def surroundings(tokenizer):
    inner = tokenizer.encode("a", add_special_tokens=False).ids
    whole = tokenizer.encode("a", add_special_tokens=True).ids
    start = next(i for i in range(len(whole)) if whole[i:i + len(inner)] == inner)
    return whole[:start], whole[start + len(inner):]


# Single stages.

def code_points():
    return [p for p in range(0x110000) if not 0xD800 <= p <= 0xDFFF]


def all_separated(separator):
    return separator.join(map(chr, code_points()))


def text_digest(text):
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def stage_hashes():
    lines = all_separated("\n")
    named = {
        "NFC": normalizers.NFC(), "NFD": normalizers.NFD(), "NFKC": normalizers.NFKC(), "NFKD": normalizers.NFKD(), "Lowercase": normalizers.Lowercase(),
        "StripAccents": normalizers.StripAccents(), "BertUncased": normalizers.BertNormalizer(), "BertCased": normalizers.BertNormalizer(lowercase=False),
    }
    write(HERE / "normalizers.json", {"made_with": MADE_WITH, "hashes": {name: text_digest(n.normalize_str(lines)) for name, n in named.items()}})


def splits(splitter, text):
    index = utf16_indices(text)
    return [index[i] for _, pair in splitter.pre_tokenize_str(text) for i in pair]


def split_cases():
    everything = all_separated("a")
    whole = {
        "BertPreTokenizer": pre_tokenizers.BertPreTokenizer(), "Whitespace": pre_tokenizers.Whitespace(), "WhitespaceSplit": pre_tokenizers.WhitespaceSplit(),
        "Punctuation": pre_tokenizers.Punctuation(), "Digits": pre_tokenizers.Digits(individual_digits=True),
    }
    for pattern in (LLAMA3, QWEN2, r"\p{L}+", r"\p{Lu}|\p{Lt}", r"\p{N}|\p{M}", r"[\p{P}\p{S}]", r"\w+", r"[\w]+", r"[^\w]", r"\W", r"\d", r"\s", r"\h+", r"\b", r"[^\s\p{L}]+", r"\p{Nd}|\p{Lo}|\p{So}"):
        whole[pattern] = pre_tokenizers.Split(Regex(pattern), "isolated")
    behaviours = []
    for pattern in ({"Regex": r"[aeiou]|\d+|(?=z)|\s"}, {"Regex": r"^.|.$|x*"}, {"String": "the"}, {"String": " "}):
        for behaviour in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"):
            for invert in (False, True):
                expression = Regex(pattern["Regex"]) if "Regex" in pattern else pattern["String"]
                splitter = pre_tokenizers.Split(expression, behaviour, invert=invert)
                cases = ["the  theme\nof zz top is 12 34, breathe", " x ", "", "zaza\U0001f44dthe\U00020000 xx", "the"]
                behaviours.append({"pattern": pattern, "behavior": "".join(w.title() for w in behaviour.split("_")), "invert": invert,
                                   "cases": [{"text": t, "pieces": splits(splitter, t)} for t in cases]})
    write(HERE / "splitters.json", {"made_with": MADE_WITH, "every_code_point": {name: digest(splits(s, everything)) for name, s in whole.items()}, "behaviours": behaviours})


def trained():
    sizes = {}
    for size in (300, 500, 2000):
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[TURN]"]
        tokenizer.train_from_iterator(
            CORPUS, trainers.BpeTrainer(vocab_size=size, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
        sizes[size] = [" ".join(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]
    assert all(len(pair.split(" ")) == 2 for merges in sizes.values() for pair in merges)
    write(HERE / "trainer.json", {"made_with": MADE_WITH, "corpus": CORPUS, "merges": sizes})


def main(*names):
    texts = hard_texts.texts() + [{"units": units} for units in hard_texts.UNPAIRED] + [{"repeat": part, "times": times} for part, times in hard_texts.REPEATED]
    write(HERE / "texts.json", {"made_with": MADE_WITH, "texts": texts})
    for name, tokenizer in itertools.chain(build(), build_more()):
        if names and name not in names:
            continue
        folder = HERE / "tokenizers" / name
        file = folder / "tokenizer.json"
        if file.exists():
            tokenizer = Tokenizer.from_file(str(file))
        else:
            write(file, json.loads(tokenizer.to_str()))
        before, after = surroundings(tokenizer)
        write(folder / "expected.json", {"made_with": MADE_WITH, "before": before, "after": after, "cases": [expectation(tokenizer, text) for text in texts]})
    if names:
        return
    stage_hashes()
    split_cases()
    trained()


if __name__ == "__main__":
    main(*sys.argv[1:])
