"""What Transformers and PEFT make of exports of every family: called by a test, which looks at what it writes.

FOLDER holds a folder for each case with: base (a model), adapter and merged (written by LoraArena), batch.safetensors (ids, lengths). The lines of
each README.md are run in its folder, as a user would; the base is found there by the name that the adapter gives it. Written is
logits.safetensors: base, adapter, merged; loading anything newly is an error.
Usage: python families_exchange.py FOLDER
"""
import os, re, sys
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification

ROOT = os.path.abspath(sys.argv[1])
found = {}
load = AutoModelForSequenceClassification.from_pretrained


def lines_of(folder):
    """The README's lines, without those about tokenizers, which these folders have none of."""
    code = re.search(r'```python\n(.*?)```', open(os.path.join(folder, 'README.md')).read(), re.S).group(1)
    return '\n'.join(line for line in code.splitlines() if 'okenizer.' not in line and not line.startswith('tokenizer'))


def run(folder):
    os.chdir(folder)
    scope = {}
    exec(lines_of(folder), scope)
    return scope['model']


def logits(model, batch):
    mask = (torch.arange(batch['ids'].shape[1])[None] < batch['lengths'][:, None]).long()
    ids = torch.where(mask.bool(), batch['ids'], model.config.pad_token_id)
    with torch.no_grad():
        return model(input_ids=ids, attention_mask=mask).logits.contiguous()


for name in sorted(os.listdir(ROOT)):
    folder = os.path.join(ROOT, name)
    batch = load_file(os.path.join(folder, 'batch.safetensors'))
    merged, info = load(os.path.join(folder, 'merged'), output_loading_info=True)
    assert not any(info[kind] for kind in ('missing_keys', 'unexpected_keys', 'mismatched_keys')), (name, info)
    results = {'merged': logits(run(os.path.join(folder, 'merged')), batch)}
    results['adapter'] = logits(run(os.path.join(folder, 'adapter')), batch)
    results['base'] = logits(load(os.path.join(folder, 'adapter', 'base'), num_labels=3, pad_token_id=merged.config.pad_token_id).float().eval(), batch)
    save_file(results, os.path.join(folder, 'logits.safetensors'))
