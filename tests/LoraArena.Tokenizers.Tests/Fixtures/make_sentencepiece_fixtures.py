"""Writes the SentencePiece fixtures of these tests: small models in folders without a tokenizer.json, and what AutoTokenizer does with hard texts.

    python make_sentencepiece_fixtures.py [NAME...]    needs sentencepiece (0.2.3), transformers (5.24) and texts.json; with names, only those

    sentencepiece/<name>/...              the folder: the model, config.json, and the files that Transformers puts beside them
    sentencepiece/<name>/expected.json    for each short text of texts.json the first 16 digits of the SHA-256 of "ids|offsets|decoded" (numbers with
                                          commas, offsets in UTF-16 units), the ids round a text, the ids of the tokens with a role

A model that is there already is kept.
"""
import hashlib
import io
import json
import sys
import tempfile

import sentencepiece
import transformers
from transformers import AutoTokenizer

import hard_texts
from expect_from_library import utf16
from make_tokenizer_fixtures import CORPUS, HERE, RULES, plain

ROLES = ["cls", "sep", "bos", "eos", "pad", "unk", "mask"]
LINES = [line for text in CORPUS for line in text.split("\n") if line]
COMMON = dict(hard_vocab_limit=False, minloglevel=2, character_coverage=0.98)
LLAMA = COMMON | dict(model_type="bpe", vocab_size=800, byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
                      split_digits=True, allow_whitespace_only_pieces=True)
GEMMA = LLAMA | dict(vocab_size=900, pad_id=0, eos_id=1, bos_id=2, unk_id=3, pad_piece="<pad>", eos_piece="<eos>", bos_piece="<bos>", add_dummy_prefix=False,
                     user_defined_symbols=["<mask>", "<tag>", "\t", "\u2581\u2581", "\n\n"])
UNIGRAM = COMMON | dict(model_type="unigram", vocab_size=500)
DEBERTA = UNIGRAM | dict(pad_id=0, bos_id=1, eos_id=2, unk_id=3, pad_piece="[PAD]", bos_piece="[CLS]", eos_piece="[SEP]", unk_piece="[UNK]")


def token(content, **flags):
    return dict(content=content, lstrip=False, normalized=False, rstrip=False, single_word=False, special=True) | flags


CASES = {
    "llama": ("tokenizer.model", LLAMA, dict(
        config=dict(model_type="llama"),
        tokenizer_config=dict(tokenizer_class="LlamaTokenizer", legacy=False, add_bos_token=True, add_eos_token=False, bos_token="<s>", eos_token="</s>", unk_token="<unk>"))),
    "llama-legacy": ("tokenizer.model", LLAMA, dict(
        config=dict(model_type="llama"),
        tokenizer_config=dict(tokenizer_class="LlamaTokenizerFast", legacy=True, add_eos_token=True, pad_token="<pad>", add_prefix_space=None, added_tokens_decoder={
            "0": token("<unk>", normalized=True), "1": token("<s>", normalized=True), "2": token("</s>"), "800": token("<pad>"), "801": token("keep", special=False)}))),
    "llama-no-prefix": ("tokenizer.model", LLAMA, dict(
        config=dict(model_type="llama"), tokenizer_config=dict(tokenizer_class="LlamaTokenizer", add_prefix_space=False),
        special_tokens_map=dict(pad_token=dict(content="<mask>", lstrip=True, normalized=False, rstrip=True, single_word=False)), added_tokens={"<mask>": 800, "Caf\u00e9": 801})),
    "mistral": ("tokenizer.model", LLAMA, dict(config=dict(model_type="mistral"), tokenizer_config=dict(tokenizer_class="LlamaTokenizer", add_bos_token=True))),
    "gemma": ("tokenizer.model", GEMMA, dict(config=dict(model_type="gemma2"), tokenizer_config=dict(tokenizer_class="GemmaTokenizer", add_bos_token=True))),
    "gemma-bare": ("tokenizer.model", GEMMA, dict(config=dict(model_type="gemma"))),
    "other-bpe": ("tokenizer.model", GEMMA | dict(add_dummy_prefix=True, remove_extra_whitespaces=True, normalization_rule_name=None), dict(
        config=dict(model_type="llama"), tokenizer_config=dict(added_tokens_decoder={"6": token("keep", special=False), "900": token("<more>", normalized=True)}))),
    "other-unigram": ("tokenizer.model", UNIGRAM | dict(byte_fallback=True, vocab_size=700, user_defined_symbols=["<tag>", "."]), dict(
        config=dict(model_type="llama"), tokenizer_config=dict(tokenizer_class="PreTrainedTokenizer", legacy=False))),
    "deberta": ("spm.model", DEBERTA, dict(config=dict(model_type="deberta-v2"), tokenizer_config=dict(do_lower_case=False, vocab_type="spm"))),
    "deberta-lower": ("spm.model", DEBERTA | dict(user_defined_symbols=["[MASK]", "<tag>"]), dict(
        config=dict(model_type="deberta-v2"), tokenizer_config=dict(tokenizer_class="DebertaV2Tokenizer", do_lower_case=True, split_by_punct=True, add_prefix_space=False))),
    "xlm-roberta": ("sentencepiece.bpe.model", UNIGRAM, dict(
        config=dict(model_type="xlm-roberta"), tokenizer_config=dict(mask_token=dict(__type="AddedToken", content="<mask>", lstrip=True, normalized=True, rstrip=False, single_word=False)))),
}


def train(options):
    model = io.BytesIO()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as rules:
        rules.write("\n".join(RULES) + "\n")
        rules.flush()
        options = {k: v for k, v in options.items() if v is not None}
        if "normalization_rule_name" not in options:
            options["normalization_rule_tsv"] = rules.name
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(LINES), model_writer=model, **options)
    return model.getvalue()


def digest(tokenizer, text):
    encoding = tokenizer._tokenizer.encode(text, add_special_tokens=False)
    offsets = [i for pair in utf16(text, encoding.offsets) for i in pair]
    decoded = tokenizer._tokenizer.decode(encoding.ids, skip_special_tokens=False)
    return hashlib.sha256(f"{','.join(map(str, encoding.ids))}|{','.join(map(str, offsets))}|{decoded}".encode()).hexdigest()[:16]


def make(name, file, options, beside):
    folder = HERE / "sentencepiece" / name
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / file).exists():
        (folder / file).write_bytes(train(options))
    for other, content in beside.items():
        (folder / f"{other}.json").write_text(json.dumps(content) + "\n")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = [text for text in map(plain, json.loads((HERE / "texts.json").read_text())["texts"]) if len(text.encode("utf-16-le")) < 2000]
    inner = tokenizer._tokenizer.encode("a", add_special_tokens=False).ids
    outer = tokenizer._tokenizer.encode("a").ids
    at = next(i for i in range(len(outer)) if outer[i:i + len(inner)] == inner)
    expected = dict(made_with=f"make_sentencepiece_fixtures.py, transformers {transformers.__version__}, {type(tokenizer).__name__}", before=outer[:at], after=outer[at + len(inner):],
                    roles=[getattr(tokenizer, role + "_token_id") for role in ROLES], texts=[digest(tokenizer, text) for text in texts])
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")
    print(name, type(tokenizer).__name__, len(tokenizer), expected["before"], expected["after"], expected["roles"])


for name in sys.argv[1:] or CASES:
    make(name, *CASES[name])
