"""The other end of what every variant exchanges with PEFT and Transformers: called by a test, which looks at what it writes.

FOLDER/manifest.json names the cases (name, config, options, spread, trains, learning_rate) and the models; FOLDER/<model> holds base, batch.safetensors
(ids, lengths), training.safetensors (<step>.ids, .mask, .segments, .labels and rates), ours/<variant> (adapters) and merged/<variant>.
Written are written/<case> and results.safetensors: logits, and losses and weights of a training of each case.
Usage: python peft_variants.py FOLDER
"""
import dataclasses, json, os, sys, warnings
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification
from transformers.utils import logging
import peft

warnings.filterwarnings('ignore')
logging.set_verbosity_error()
torch.set_num_threads(1)
ROOT = sys.argv[1]
MANIFEST = json.load(open(os.path.join(ROOT, 'manifest.json')))


def load(folder):
    return AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation='eager').eval()


def logits(model, batch):
    mask = (torch.arange(batch['ids'].shape[1])[None] < batch['lengths'][:, None]).long()
    with torch.no_grad():
        return forward(model, batch['ids'], mask).clone().contiguous()


def forward(model, ids, mask, segments=None):
    """Logits of a batch; of a prompt method row by row without padding: with embeddings instead of ids, Transformers pools the last place, padded or not."""
    def once(rows, length):
        extra = {} if segments is None else {'token_type_ids': segments[rows, :length]}
        return model(input_ids=ids[rows, :length], attention_mask=mask[rows, :length], **extra).logits
    if isinstance(model, peft.PeftModel) and model.active_peft_config.is_prompt_learning:
        return torch.cat([once(slice(i, i + 1), int(mask[i].sum())) for i in range(len(ids))])
    return once(slice(None), ids.shape[1])


def train(model, data, rate, bert):
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=rate, weight_decay=0.0)
    losses = []
    for step, factor in enumerate(data['rates']):
        optimizer.param_groups[0]['lr'] = rate * float(factor)
        ids, mask, labels, segments = (data.get(f'{step}.{part}') for part in ('ids', 'mask', 'labels', 'segments'))
        optimizer.zero_grad()
        if model.active_peft_config.is_prompt_learning:
            out_logits = forward(model, ids, mask, segments if bert else None)
            torch.nn.functional.cross_entropy(out_logits, labels).backward()
        else:
            out = model(input_ids=ids, attention_mask=mask, labels=labels, **({'token_type_ids': segments} if bert else {}))
            out.loss.backward()  # with what the method adds to it
            out_logits = out.logits
        optimizer.step()
        if hasattr(model.base_model, 'update_and_allocate'):
            model.base_model.update_and_allocate(step + 1)
        losses.append(torch.nn.functional.cross_entropy(out_logits, labels).detach())
    return torch.stack(losses)


for name in MANIFEST['models']:
    folder = os.path.join(ROOT, name)
    base, family = os.path.join(folder, 'base'), name.split('-')[0]
    batch, data = load_file(os.path.join(folder, 'batch.safetensors')), load_file(os.path.join(folder, 'training.safetensors'))
    results = {'base': logits(load(base), batch)}
    for variant in sorted(os.listdir(os.path.join(folder, 'ours'))):
        try:
            results['ours.' + variant] = logits(peft.PeftModel.from_pretrained(load(base), os.path.join(folder, 'ours', variant)).eval(), batch)
        except Exception as error:
            raise RuntimeError(f'{name}: the adapter of {variant}') from error
    for variant in sorted(os.listdir(os.path.join(folder, 'merged'))):
        results['merged.' + variant] = logits(load(os.path.join(folder, 'merged', variant)), batch)
    for seed, case in enumerate(MANIFEST['cases']):
        options = {k: v for k, v in case['options'].items() if k not in ('bert', 'llama')} | case['options'].get(family, {})
        config = getattr(peft, case['config'])
        if 'target_modules' in (field.name for field in dataclasses.fields(config)):
            options.setdefault('target_modules', 'all-linear')
        torch.manual_seed(seed)
        try:
            model = peft.get_peft_model(load(base), config(task_type='SEQ_CLS', **options)).eval()
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter.data = parameter.data + case['spread'] * torch.randn(parameter.shape)
            model.save_pretrained(os.path.join(folder, 'written', case['name']))
            results['written.' + case['name']] = logits(model, batch)
            if case['trains']:
                results['losses.' + case['name']] = train(model, data, case['learning_rate'], family == 'bert')
                results['trained.' + case['name']] = logits(model, batch)
        except Exception as error:
            raise RuntimeError(f"{name}: the case {case['name']}") from error
    save_file(results, os.path.join(folder, 'results.safetensors'))
