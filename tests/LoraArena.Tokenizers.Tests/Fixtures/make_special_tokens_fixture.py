"""Writes special_tokens.json: which token plays which role, as Transformers' AutoTokenizer has it, for folders with one tokenizer and different side files.

    python make_special_tokens_fixture.py      needs transformers and tokenizers (made with 5.24.0 and 0.23.3); no seed, no network

A token that AutoTokenizer would add to the vocabulary because it is not in it counts as none.
"""
import json
import pathlib
import tempfile

import tokenizers
import transformers

HERE = pathlib.Path(__file__).resolve().parent
ROLES = ["cls", "sep", "bos", "eos", "pad", "unk", "mask"]
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<s>", "</s>", "<pad>", "<unk>", "<mask>", "<|endoftext|>", "<bos>", "<eos>", "!", "a"]
LISTED = {"added_tokens_decoder": {"2": {"content": "[CLS]", "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}}}

FOLDERS = {
    "nothing but the tokenizer and a class without roles": {"tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast"}},
    "the config names some": {"tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "cls_token": "[CLS]", "pad_token": "<pad>", "mask_token": "not there"}},
    "a role as an object": {"tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "mask_token": {
        "__type": "AddedToken", "content": "<mask>", "lstrip": True, "normalized": True, "rstrip": False, "single_word": False}}},
    "a role that is null": {"tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": None, "eos_token": "</s>"}},
    "an old folder where the map overrules the config": {
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "cls_token": "[CLS]", "sep_token": "[SEP]"},
        "special_tokens_map.json": {"cls_token": "<s>", "eos_token": {"content": "</s>", "lstrip": False, "normalized": False, "rstrip": False, "single_word": False}}},
    "a new folder where the map does not count": {
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "cls_token": "[CLS]", **LISTED},
        "special_tokens_map.json": {"cls_token": "<s>", "eos_token": "</s>"}},
    "RoBERTa's class": {"tokenizer_config.json": {"tokenizer_class": "RobertaTokenizer"}},
    "RoBERTa's class with one role of its own": {"tokenizer_config.json": {"tokenizer_class": "RobertaTokenizerFast", "cls_token": "[CLS]"}},
    "GPT-2's class": {"tokenizer_config.json": {"tokenizer_class": "GPT2Tokenizer"}},
    "a role of the class that the config takes away": {"tokenizer_config.json": {"tokenizer_class": "GPT2Tokenizer", "bos_token": None}},
    "Qwen 2's class": {"tokenizer_config.json": {"tokenizer_class": "Qwen2Tokenizer"}},
    "Gemma's class": {"tokenizer_config.json": {"tokenizer_class": "GemmaTokenizer"}},
    "no class but a model type": {"tokenizer_config.json": {"model_max_length": 512}, "config.json": {"model_type": "roberta"}},
}


def tokenizer_json():
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE({token: i for i, token in enumerate(TOKENS)}, []))
    tokenizer.add_special_tokens(TOKENS[:13])
    return json.loads(tokenizer.to_str())


def roles(files):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (files | {"tokenizer.json": tokenizer_json()}).items():
            pathlib.Path(folder, name).write_text(json.dumps(content))
        auto = transformers.AutoTokenizer.from_pretrained(folder)
    ids = {role: getattr(auto, f"{role}_token_id") for role in ROLES}
    return {role: id if id is not None and id < len(TOKENS) else None for role, id in ids.items()}


def main():
    value = {
        "made_with": f"make_special_tokens_fixture.py, transformers {transformers.__version__}, tokenizers {tokenizers.__version__}",
        "tokenizer": tokenizer_json(),
        "folders": [{"name": name, "files": files, "roles": roles(files)} for name, files in FOLDERS.items()],
    }
    (HERE / "special_tokens.json").write_text(json.dumps(value, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
