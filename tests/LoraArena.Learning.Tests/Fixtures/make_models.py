"""Tiny random models with what Transformers computes from them, and LoRA adapters with what PEFT computes.

Run by hand with PyTorch 2.13.0, Transformers 5.24.0 and PEFT 0.21.2 (CPU, fp32); the folders beside this file are its output.
Usage: python make_models.py [FOLDER]
"""
import json, os, sys
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertForSequenceClassification, LlamaConfig, LlamaForSequenceClassification
import peft

OUT = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
VOCABULARY, PAD = 97, 0
LABELS = {0: 'winner_model_a', 1: 'winner_model_b', 2: 'winner_tie'}
LENGTHS = [[7, 7, 7], [12, 3, 9, 1], [40]]


def batches(generator):
    """Padded on the right: one batch without padding, one with, one long row."""
    for lengths in LENGTHS:
        ids = torch.full((len(lengths), max(lengths)), PAD)
        for row, n in enumerate(lengths):
            ids[row, :n] = torch.randint(3, VOCABULARY, (n,), generator=generator)
        yield ids, torch.tensor(lengths)


def randomise(model, generator):
    """Transformers' starting weights are so small that mistakes would hide: larger ones, norms and biases included."""
    for name, parameter in sorted(model.named_parameters()):
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() == 1:
            parameter.data = (1 + 0.3 * noise) if 'norm' in name.lower() and name.endswith('weight') else 0.2 * noise
        else:
            parameter.data = noise * (0.7 if 'embed' in name else 1.2 / parameter.shape[1] ** 0.5)


def compute(model, backbone, ids, lengths):
    mask = (torch.arange(ids.shape[1])[None] < lengths[:, None]).long()
    with torch.no_grad():
        hidden = backbone(input_ids=ids, attention_mask=mask).last_hidden_state * mask[..., None]
        logits = model(input_ids=ids, attention_mask=mask).logits
    return hidden, logits


def make(name, model, prefix, seed):
    folder = os.path.join(OUT, name)
    generator = torch.Generator().manual_seed(seed)
    randomise(model, generator)
    model.eval()
    model.save_pretrained(folder)
    expected = {}
    for i, (ids, lengths) in enumerate(batches(generator)):
        hidden, logits = compute(model, getattr(model, prefix), ids, lengths)
        expected |= {f'{i}.ids': ids, f'{i}.lengths': lengths, f'{i}.hidden': hidden.contiguous(), f'{i}.logits': logits.contiguous()}
    # Gradients of every weight for the mean cross-entropy of the padded batch with labels 0, 1, 2, 0.
    ids, lengths = expected['1.ids'], expected['1.lengths']
    mask = (torch.arange(ids.shape[1])[None] < lengths[:, None]).long()
    loss = torch.nn.functional.cross_entropy(model(input_ids=ids, attention_mask=mask).logits, torch.tensor([0, 1, 2, 0]))
    loss.backward()
    expected['loss'] = loss.detach()
    for key, parameter in model.named_parameters():
        expected['grad.' + key] = parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
    save_file(expected, os.path.join(folder, 'expected.safetensors'))

    lora = peft.LoraConfig(r=4, lora_alpha=6, lora_dropout=0.1, target_modules='all-linear', task_type='SEQ_CLS')
    adapted = peft.get_peft_model(model, lora)
    generator = torch.Generator().manual_seed(seed + 1)
    for key, parameter in sorted(adapted.named_parameters()):
        if parameter.requires_grad:
            parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator)
    adapted.eval()
    adapted.save_pretrained(os.path.join(folder, 'adapter'))
    results = {}
    for i, (ids, lengths) in enumerate(batches(generator)):
        mask = (torch.arange(ids.shape[1])[None] < lengths[:, None]).long()
        with torch.no_grad():
            results |= {f'{i}.ids': ids, f'{i}.lengths': lengths, f'{i}.logits': adapted(input_ids=ids, attention_mask=mask).logits.contiguous()}
    save_file(results, os.path.join(folder, 'adapter', 'expected.safetensors'))
    os.remove(os.path.join(folder, 'adapter', 'README.md'))
    path = os.path.join(folder, 'adapter', 'adapter_config.json')
    config = json.load(open(path))
    config['base_model_name_or_path'] = name
    config['target_modules'] = sorted(config['target_modules'])
    json.dump(config, open(path, 'w'), indent=2, sort_keys=True)
    print(name, 'loss', float(loss))


if __name__ == '__main__':
    make('bert-tiny', BertForSequenceClassification(BertConfig(
        vocab_size=VOCABULARY, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40, max_position_embeddings=48,
        layer_norm_eps=1e-12, id2label=LABELS, label2id={v: k for k, v in LABELS.items()}, pad_token_id=PAD)), 'bert', 1)
    make('llama-tiny', LlamaForSequenceClassification(LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=40,
        max_position_embeddings=64, id2label=LABELS, label2id={v: k for k, v in LABELS.items()}, pad_token_id=PAD)), 'model', 2)
    make('llama-tiny-wide-heads', LlamaForSequenceClassification(LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, head_dim=12, intermediate_size=24,
        max_position_embeddings=64, rope_theta=500000.0, rms_norm_eps=1e-5, attention_bias=True, mlp_bias=True, tie_word_embeddings=True, id2label=LABELS, label2id={v: k for k, v in LABELS.items()}, pad_token_id=PAD)), 'model', 3)
