"""What the real stack makes of a training of LoRA and head, step by step, and twenty steps of torch.optim.AdamW.

Needs the models that make_models.py has made. Run by hand with PyTorch 2.13.0, Transformers 5.24.0 and PEFT 0.21.2 (CPU, fp32); the folders
<model>/training and optimizer beside this file are its output.
Order of the rows and swaps are those of EpochPlan, worked out here once more: the test asks for the same before it compares anything.
Usage: python make_training.py
"""
import json, os
import torch
from safetensors.torch import save_file
from transformers import AutoModelForSequenceClassification
import peft

HERE = os.path.dirname(os.path.abspath(__file__))
ROWS, BATCH, EPOCHS, STEPS, WARMUP, PEAK, DECAY, NORM = 20, 5, 5, 20, 5, 0.02, 0.1, 1.0
SEED, ROW_ORDER, SWAP, BITS = 7, 3, 4, (1 << 64) - 1
START, SEPARATOR = 1, 2


def mix(z):
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & BITS
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & BITS
    return z ^ (z >> 31)


class Random:
    """xoshiro256**, named by numbers; SplitMix64 makes its state."""

    def __init__(self, *name):
        state = 0x9E3779B97F4A7C15
        for part in name:
            state = mix(state ^ mix(part))
        self.s = []
        for _ in range(4):
            state = (state + 0x9E3779B97F4A7C15) & BITS
            self.s.append(mix(state))

    def bits(self):
        rotated = lambda x, k: (x << k | x >> (64 - k)) & BITS
        s = self.s
        result = rotated(s[1] * 5 & BITS, 7) * 9 & BITS
        t = s[1] << 17 & BITS
        s[2] ^= s[0]; s[3] ^= s[1]; s[1] ^= s[2]; s[0] ^= s[3]; s[2] ^= t
        s[3] = rotated(s[3], 45)
        return result

    def shuffle(self, items):
        for i in range(len(items) - 1, 0, -1):
            threshold = (1 << 64) % (i + 1)
            while True:
                product = self.bits() * (i + 1)
                if product & BITS >= threshold:
                    break
            j = product >> 64
            items[i], items[j] = items[j], items[i]


def plan(lengths):
    """Rows of every step: each epoch shuffled, sorted by length (all rows are one window here), cut, and the batches shuffled."""
    steps = []
    for epoch in range(EPOCHS):
        random = Random(SEED, ROW_ORDER, epoch)
        order = list(range(len(lengths)))
        random.shuffle(order)
        order.sort(key=lambda row: lengths[row])
        batches = [order[i:i + BATCH] for i in range(0, len(order), BATCH)]
        random.shuffle(batches)
        steps += batches
    return steps


def swaps(epoch):
    # The first number of the stream's seeding is its hash.
    return [Random(SEED, SWAP, epoch, row).s[0] & 1 for row in range(ROWS)]


def battle(generator):
    def part():
        n = int(torch.randint(1, 12, (1,), generator=generator))
        return torch.randint(6, 97, (n,), generator=generator)
    return part(), part(), part(), int(torch.randint(0, 3, (1,), generator=generator))


def packed(prompt, a, b, winner, swap):
    if swap:
        a, b, winner = b, a, [1, 0, 2][winner]
    before = [START, *prompt.tolist(), SEPARATOR, *a.tolist(), SEPARATOR]
    return before + [*b.tolist(), SEPARATOR], len(before), winner


def rate(step):
    """Factor of the peak: up over the warm-up from its first step on, then down to 0 at the end."""
    return (step + 1) / WARMUP if step < WARMUP else (STEPS - step) / (STEPS - WARMUP)


def train(name, seed):
    folder = os.path.join(HERE, name, 'training')
    generator = torch.Generator().manual_seed(seed)
    base = AutoModelForSequenceClassification.from_pretrained(os.path.join(HERE, name), attn_implementation='eager')
    torch.manual_seed(seed)
    model = peft.get_peft_model(base, peft.LoraConfig(r=4, lora_alpha=6, lora_dropout=0.0, target_modules='all-linear', task_type='SEQ_CLS'))
    model.eval()  # dropout is the only thing that training mode would change
    model.save_pretrained(folder)
    os.remove(os.path.join(folder, 'README.md'))
    path = os.path.join(folder, 'adapter_config.json')
    config = json.load(open(path))
    config['base_model_name_or_path'] = name
    config['target_modules'] = sorted(config['target_modules'])
    json.dump(config, open(path, 'w'), indent=2, sort_keys=True)

    battles = [battle(generator) for _ in range(ROWS)]
    expected = {'winners': torch.tensor([b[3] for b in battles])}
    for i, (prompt, a, b, _) in enumerate(battles):
        expected |= {f'{i}.prompt': prompt, f'{i}.a': a, f'{i}.b': b}
    trainable = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=PEAK, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    losses, norms, rates = [], [], []
    order, swap = plan([len(packed(*b, 0)[0]) for b in battles]), [swaps(epoch) for epoch in range(EPOCHS)]
    for step in range(STEPS):
        rows = [packed(*battles[i], swap[step // (ROWS // BATCH)][i]) for i in order[step]]
        longest = max(len(ids) for ids, _, _ in rows)
        ids = torch.tensor([ids + [0] * (longest - len(ids)) for ids, _, _ in rows])
        mask = torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids, _, _ in rows])
        # Answer B is BERT's second segment.
        segments = {'token_type_ids': torch.tensor([[0] * start + [1] * (longest - start) for _, start, _ in rows])} if name.startswith('bert') else {}
        loss = torch.nn.functional.cross_entropy(model(input_ids=ids, attention_mask=mask, **segments).logits, torch.tensor([w for _, _, w in rows]))
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(trainable, NORM))
        rates.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        schedule.step()
        losses.append(loss.detach())
    expected |= {
        'order': torch.tensor(order), 'swap': torch.tensor(swap),
        'loss': torch.stack(losses), 'norm': torch.stack(norms), 'rate': torch.tensor(rates, dtype=torch.float64)}
    for key, value in peft.get_peft_model_state_dict(model).items():
        expected['end.' + key] = value.contiguous()
    save_file(expected, os.path.join(folder, 'expected.safetensors'))
    print(name, [round(float(x), 4) for x in losses], [round(float(x), 3) for x in norms])


def adamw():
    generator = torch.Generator().manual_seed(5)
    values = [torch.randn(3, 5, generator=generator), torch.randn(7, generator=generator)]
    parameters = [torch.nn.Parameter(v.clone()) for v in values]
    optimizer = torch.optim.AdamW(parameters, lr=1.0, weight_decay=0.1)
    saved = {'start.0': values[0], 'start.1': values[1]}
    norms, rates = [], []
    for step in range(20):
        optimizer.param_groups[0]['lr'] = 0.05 / (1 + step)
        for i, parameter in enumerate(parameters):
            parameter.grad = torch.randn(parameter.shape, generator=generator) * (3.0 if step % 3 == 0 else 0.05)
            saved[f'gradient.{step}.{i}'] = parameter.grad.clone()
        norms.append(torch.nn.utils.clip_grad_norm_(parameters, 1.0))
        rates.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        for i, parameter in enumerate(parameters):
            saved[f'value.{step}.{i}'] = parameter.detach().clone()
    for i, parameter in enumerate(parameters):
        saved |= {f'exp_avg.{i}': optimizer.state[parameter]['exp_avg'], f'exp_avg_sq.{i}': optimizer.state[parameter]['exp_avg_sq']}
    os.makedirs(os.path.join(HERE, 'optimizer'), exist_ok=True)
    save_file(saved | {'norm': torch.stack(norms), 'rate': torch.tensor(rates, dtype=torch.float64)}, os.path.join(HERE, 'optimizer', 'adamw.safetensors'))


if __name__ == '__main__':
    adamw()
    train('bert-tiny', 1)
    train('llama-tiny', 2)
