"""A method's step over LoRA's within PEFT. FOLDER holds job.json (base, steps, threads, batches) and two adapters, lora and method, that PEFT loads and trains on.
The two do each batch by turns; the last line printed is the median ratio of their processor times.
Usage: python methods.py FOLDER
"""
import json, os, statistics, sys, time, warnings
import torch
import torch.nn.functional as F
from transformers import AutoModelForSequenceClassification
from transformers.utils import logging
import peft

warnings.filterwarnings('ignore')
logging.set_verbosity_error()
folder = sys.argv[1]
job = json.load(open(os.path.join(folder, 'job.json')))
torch.set_num_threads(job['threads'])


class Side:
    def __init__(self, name):
        torch.manual_seed(0)
        base = AutoModelForSequenceClassification.from_pretrained(job['base'], num_labels=3, dtype=torch.float32)
        for module in base.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        self.model = peft.PeftModel.from_pretrained(base, os.path.join(folder, name), is_trainable=True).train()
        self.weights = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.weights, lr=5e-4, weight_decay=0.01)

    def step(self, rows):
        start = time.process_time()
        longest = max(len(r['ids']) for r in rows)
        ids = torch.zeros(len(rows), longest, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for i, r in enumerate(rows):
            ids[i, :len(r['ids'])] = torch.tensor(r['ids'])
            mask[i, :len(r['ids'])] = 1
        loss = F.cross_entropy(self.model(input_ids=ids, attention_mask=mask).logits, torch.tensor([r['label'] for r in rows]))
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimizer.step()
        loss.item()
        return time.process_time() - start


lora, method = Side('lora'), Side('method')
ratios = []
for i, rows in enumerate(job['batches']):
    first, second = (lora, method) if i % 2 == 0 else (method, lora)
    one, other = first.step(rows), second.step(rows)
    if i >= 2:
        ratios.append(other / one if i % 2 == 0 else one / other)
print(statistics.median(ratios))
