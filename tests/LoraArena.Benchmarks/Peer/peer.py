"""The other side of a comparison: PEFT on Transformers, on the very batches that LoraArena trains on.

Usage: peer.py JOB.json. The job names the model (a folder, or the sizes of a random Llama), the adapter and the batches; then one line on stdin is
one order, one line on stdout the answer: `step N` trains on batch N, `memory` tells bytes above the base, `base` starts counting them.
"""
import json, sys, time
import torch
import torch.nn.functional as F

job = json.load(open(sys.argv[1]))
torch.set_num_threads(job['threads'])
torch.manual_seed(0)
from transformers import AutoModelForSequenceClassification, LlamaConfig, LlamaForSequenceClassification
import peft


def status(field):
    for line in open('/proc/self/status'):
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    return 0


if job.get('folder'):
    model = AutoModelForSequenceClassification.from_pretrained(job['folder'], num_labels=3, dtype=torch.float32)
else:
    model = LlamaForSequenceClassification(LlamaConfig(num_labels=3, pad_token_id=0, **job['sizes']))
model = model.to(getattr(torch, job['dtype']))
if job['hidden_dropout'] is not None:
    model.config.hidden_dropout_prob = job['hidden_dropout']
for module in model.modules():
    if isinstance(module, torch.nn.Dropout) and job['hidden_dropout'] is not None:
        module.p = job['hidden_dropout']
    if hasattr(module, 'dropout_prob') and job['attention_dropout'] is not None:
        module.dropout_prob = job['attention_dropout']
    if type(module).__name__.endswith('SelfAttention') and job['attention_dropout'] is not None and hasattr(module, 'dropout'):
        module.dropout.p = job['attention_dropout']
kind = job['adapter']
model = peft.get_peft_model(model, peft.LoraConfig(r=job['r'], lora_alpha=2 * job['r'], lora_dropout=job['lora_dropout'], target_modules='all-linear', task_type='SEQ_CLS', use_dora=kind == 'dora'))
if job['checkpointing']:
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=dict(use_reentrant=False))
    model.enable_input_require_grads()
model.train()
weights = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(weights, lr=job['lr'], weight_decay=0.01)


def batch(rows):
    longest = max(len(r['ids']) for r in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for i, r in enumerate(rows):
        ids[i, :len(r['ids'])] = torch.tensor(r['ids'])
        mask[i, :len(r['ids'])] = 1
    return dict(input_ids=ids, attention_mask=mask), torch.tensor([r['label'] for r in rows])


def step(n):
    inputs, labels = batch(job['batches'][n])
    loss = F.cross_entropy(model(**inputs).logits.float(), labels)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(weights, 1.0)
    optimizer.step()
    return loss.item()


print(json.dumps(dict(torch=torch.__version__, trainable=sum(p.numel() for p in weights))), flush=True)
base = 0
for line in sys.stdin:
    order = line.split()
    if order[0] == 'step':
        start, cpu = time.perf_counter(), time.process_time()
        loss = step(int(order[1]))
        print(json.dumps(dict(seconds=time.perf_counter() - start, cpu=time.process_time() - cpu, loss=loss)), flush=True)
    elif order[0] == 'base':
        base = status('VmRSS')
        open('/proc/self/clear_refs', 'w').write('5')
        print(json.dumps(dict(base=base)), flush=True)
    elif order[0] == 'memory':
        print(json.dumps(dict(peak=status('VmHWM') - base, base=base)), flush=True)
    else:
        break
