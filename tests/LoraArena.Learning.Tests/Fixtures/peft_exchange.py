"""The other end of an exchange of adapters and merged models: called by a test, which looks at what it writes.

FOLDER holds a folder for each model with: base (a link or copy of the model), adapter and merged (written by LoraArena), batch.safetensors
(ids, lengths). Written are: logits.safetensors with what PEFT and Transformers make of them, and written/<case>, adapters by PEFT.
Usage: python peft_exchange.py FOLDER
"""
import json, os, sys
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification
import peft

ROOT = sys.argv[1]
CASES = {
    'all-linear': dict(target_modules='all-linear'),
    'names': dict(bert=['query', 'value'], llama=['q_proj', 'v_proj']),
    'longer-names': dict(bert=['attention.output.dense', 'intermediate.dense'], llama=['self_attn.o_proj', 'mlp.up_proj']),
    'expression': dict(bert=r'bert\.encoder\.layer\.1\..*(query|dense)', llama=r'model\.layers\.(0|1)\.mlp\..*_proj'),
    'gaussian': dict(target_modules='all-linear', init_lora_weights='gaussian'),
    'orthogonal': dict(target_modules='all-linear', init_lora_weights='orthogonal'),
    'rslora': dict(target_modules='all-linear', use_rslora=True),
    'patterns': dict(target_modules='all-linear', use_rslora=True, rank_pattern={r'layer\.0\..*query': 2, r'layers\.(0|1)\.self_attn\.q_proj': 7}, alpha_pattern={'value': 3, 'mlp.up_proj': 5.5}),
    'some-layers': dict(bert=['query', 'output.dense'], llama=['q_proj', 'up_proj'], layers_to_transform=[1]),
    'all-but': dict(target_modules='all-linear', exclude_modules=['value', 'v_proj', 'down_proj', 'output.dense']),
    'refused-pissa': dict(target_modules='all-linear', init_lora_weights='pissa'),
    'refused-lora-bias': dict(bert=['query'], llama=['q_proj'], lora_bias=True),
}


def load(folder):
    return AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation='eager').eval()


def logits(model, batch):
    mask = (torch.arange(batch['ids'].shape[1])[None] < batch['lengths'][:, None]).long()
    with torch.no_grad():
        return model(input_ids=batch['ids'], attention_mask=mask).logits.contiguous()


for name in sorted(os.listdir(ROOT)):
    folder = os.path.join(ROOT, name)
    base = os.path.join(folder, 'base')
    batch = load_file(os.path.join(folder, 'batch.safetensors'))
    results = {
        'base': logits(load(base), batch),
        'adapter': logits(peft.PeftModel.from_pretrained(load(base), os.path.join(folder, 'adapter')).eval(), batch),
        'merged': logits(load(os.path.join(folder, 'merged')), batch),
    }
    for seed, (case, options) in enumerate(CASES.items()):
        options = dict(options)
        targets = {'bert': options.pop('bert', None), 'llama': options.pop('llama', None)}[name.split('-')[0]]
        options.setdefault('target_modules', targets)
        torch.manual_seed(seed)
        model = peft.get_peft_model(load(base), peft.LoraConfig(r=4, lora_alpha=10, task_type='SEQ_CLS', **options))
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data = 0.3 * torch.randn(parameter.shape)
        model.eval().save_pretrained(os.path.join(folder, 'written', case))
        results[case] = logits(model, batch)
    unknown = os.path.join(folder, 'written', 'refused-unknown')
    os.makedirs(unknown)
    json.dump({'peft_type': 'OF_TOMORROW'}, open(os.path.join(unknown, 'adapter_config.json'), 'w'))
    save_file(results, os.path.join(folder, 'logits.safetensors'))
