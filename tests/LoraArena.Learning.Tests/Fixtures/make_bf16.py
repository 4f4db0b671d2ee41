"""What Transformers computes from the models in families/ when their weights are bfloat16: hidden states and logits of the batches that are there.

Run by hand with PyTorch 2.13.0 and Transformers 5.24.0 (CPU); expected-bf16.safetensors beside each model is its output, or
expected-bf16-avx2.safetensors on a processor without AVX-512, and how far it is from what they compute in fp32 is printed.
Usage: python make_bf16.py [FOLDER]
"""
import os, sys
import torch
import transformers as t
from safetensors.torch import load_file, save_file

OUT = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), 'families')

NAME = 'expected-bf16.safetensors' if torch.backends.cpu.get_cpu_capability() == 'AVX512' else 'expected-bf16-avx2.safetensors'


def far(a, b):
    return float((a.float() - b.float()).abs().max() / b.float().abs().max())


for name in sorted(os.listdir(OUT)):
    folder = os.path.join(OUT, name)
    model = t.AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.bfloat16).eval()
    known = load_file(os.path.join(folder, 'expected.safetensors'))
    made, distances = {}, []
    for i in (0, 1):
        ids, mask = known[f'{i}.ids'], torch.zeros_like(known[f'{i}.ids'])
        for row, length in enumerate(known[f'{i}.lengths'].tolist()):
            mask[row, :length] = 1
        with torch.no_grad():
            hidden = getattr(model, model.base_model_prefix)(input_ids=ids, attention_mask=mask).last_hidden_state * mask[..., None]
            logits = model(input_ids=ids, attention_mask=mask).logits
        made |= {f'{i}.hidden': hidden.contiguous(), f'{i}.logits': logits.contiguous()}
        distances += [far(hidden, known[f'{i}.hidden']), far(logits, known[f'{i}.logits'])]
    save_file(made, os.path.join(folder, NAME))
    print(name, *(f'{d:.1e}' for d in distances), flush=True)
