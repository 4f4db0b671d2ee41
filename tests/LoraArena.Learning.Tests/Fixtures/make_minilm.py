"""What Transformers computes with a real model on real texts, packed as battles.

Run by hand with PyTorch 2.13.0 and Transformers 5.24.0 (CPU, fp32) on sentence-transformers/all-MiniLM-L6-v2 and a preference CSV in LMSYS' form;
minilm/expected.safetensors is its output. Seed 7 for the head. The model itself is not kept here.
Usage: python make_minilm.py MODEL_FOLDER TRAIN_CSV [FOLDER]
"""
import csv, json, os, sys
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import BertForSequenceClassification

MODEL, DATA = sys.argv[1:3]
OUT = sys.argv[3] if len(sys.argv) > 3 else os.path.join(os.path.dirname(os.path.abspath(__file__)), 'minilm')
TEXTS, LONGEST, BATCH = 20, 384, 4

torch.set_num_threads(2)
tokenizer = Tokenizer.from_file(os.path.join(MODEL, 'tokenizer.json'))
tokenizer.no_padding()
tokenizer.no_truncation()
cls, sep = tokenizer.token_to_id('[CLS]'), tokenizer.token_to_id('[SEP]')
csv.field_size_limit(1 << 24)
rows = []
with open(DATA, newline='', encoding='utf-8') as file:
    for i, row in enumerate(csv.DictReader(file)):
        if i % 97 == 5 and len(rows) < TEXTS:
            parts = [' '.join(t or '' for t in json.loads(row[c])) for c in ('prompt', 'response_a', 'response_b')]
            ids = [tokenizer.encode(part, add_special_tokens=False).ids for part in parts]
            room = (LONGEST - 4) // 3
            packed = [cls]
            for part in ids:
                packed += part[:room] + [sep]
            rows.append(packed)

model = BertForSequenceClassification.from_pretrained(MODEL, num_labels=3, dtype=torch.float32).eval()
generator = torch.Generator().manual_seed(7)
model.classifier.weight.data = torch.randn(3, model.config.hidden_size, generator=generator)
model.classifier.bias.data = torch.randn(3, generator=generator)
out = {'classifier.weight': model.classifier.weight.data, 'classifier.bias': model.classifier.bias.data, 'lengths': torch.tensor([len(r) for r in rows], dtype=torch.int32)}
out['ids'] = torch.cat([torch.tensor(r, dtype=torch.int32) for r in rows])
hidden, pooled, logits = [], [], []
for start in range(0, len(rows), BATCH):
    part = rows[start:start + BATCH]
    longest = max(map(len, part))
    ids = torch.tensor([r + [0] * (longest - len(r)) for r in part])
    mask = torch.tensor([[1] * len(r) + [0] * (longest - len(r)) for r in part])
    with torch.no_grad():
        backbone = model.bert(input_ids=ids, attention_mask=mask)
        logits.append(model(input_ids=ids, attention_mask=mask).logits)
    pooled.append(backbone.pooler_output)
    # The first, the middle and the last real token of each row: all of them would be megabytes.
    for b, r in enumerate(part):
        hidden.append(backbone.last_hidden_state[b, [0, len(r) // 2, len(r) - 1]])
out |= {'hidden': torch.stack(hidden), 'pooled': torch.cat(pooled), 'logits': torch.cat(logits)}
os.makedirs(OUT, exist_ok=True)
save_file(out, os.path.join(OUT, 'expected.safetensors'))
print(len(rows), 'rows,', [len(r) for r in rows], 'largest hidden', float(out['hidden'].abs().max()))
