"""Small random models of every family with what Transformers computes from them: hidden states, logits, the gradient of every weight.

Run by hand with PyTorch 2.13.0 and Transformers 5.24.0 (CPU, fp32, eager attention); the folders in families/ are its output. Weights are
rounded to fp16 before anything is computed. Of decoders there is a second config4.json, as Transformers 4 wrote it; it is checked here that
Transformers reads the same model from it.
Usage: python make_families.py [FOLDER [CASE...]]
"""
import copy, json, os, sys
import torch
import transformers as t
from safetensors.torch import save_file

OUT = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), 'families')
VOCABULARY = 61
LENGTHS = [[12, 3, 9, 1], [40]]
LABELS = {0: 'winner_model_a', 1: 'winner_model_b', 2: 'winner_tie'}
DECODER = dict(vocab_size=VOCABULARY, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
               max_position_embeddings=64, pad_token_id=0, bos_token_id=1, eos_token_id=2)
ENCODER = dict(vocab_size=VOCABULARY, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2)
DEBERTA = ENCODER | dict(max_position_embeddings=48, pad_token_id=0, relative_attention=True, pos_att_type='p2c|c2p', layer_norm_eps=1e-7, attention_probs_dropout_prob=0.1)


def rope(kind, **options):
    return dict(rope_type=kind, rope_theta=10000.0, **options)


CASES = {
    'llama-3': ('Llama', DECODER | dict(head_dim=8, tie_word_embeddings=True, rope_parameters=rope('llama3', factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16))),
    'llama-linear': ('Llama', DECODER | dict(attention_bias=True, mlp_bias=True, rms_norm_eps=1e-5, rope_parameters=rope('linear', factor=2.5))),
    'llama-dynamic': ('Llama', DECODER | dict(max_position_embeddings=16, hidden_act='gelu', rope_parameters=rope('dynamic', factor=3.0))),
    'mistral': ('Mistral', DECODER | dict(head_dim=6, num_key_value_heads=1, sliding_window=5)),
    'mistral-whole': ('Mistral', DECODER | dict(sliding_window=None, rope_parameters=dict(rope_type='default', rope_theta=1e6))),
    'qwen2': ('Qwen2', DECODER | dict(num_hidden_layers=3, tie_word_embeddings=True, use_sliding_window=True, sliding_window=4, max_window_layers=1)),
    'qwen2-yarn': ('Qwen2', DECODER | dict(num_key_value_heads=4, sliding_window=8, rope_parameters=rope('yarn', factor=4.0, original_max_position_embeddings=16))),
    'qwen3': ('Qwen3', DECODER | dict(head_dim=10, rope_parameters=dict(rope_type='default', rope_theta=1e6))),
    'qwen3-window': ('Qwen3', DECODER | dict(head_dim=4, attention_bias=True, use_sliding_window=True, sliding_window=3, max_window_layers=0, rope_parameters=rope('yarn', factor=4.0, original_max_position_embeddings=16, beta_fast=16, beta_slow=2, attention_factor=1.3))),
    'gemma': ('Gemma', DECODER | dict(head_dim=8, num_key_value_heads=1, hidden_act='gelu')),
    'gemma2': ('Gemma2', DECODER | dict(num_hidden_layers=3, head_dim=6, sliding_window=4, query_pre_attn_scalar=9, attn_logit_softcapping=2.0, final_logit_softcapping=1.0)),
    'gemma2-uncapped': ('Gemma2', DECODER | dict(head_dim=4, attention_bias=True, sliding_window=64, attn_logit_softcapping=None, layer_types=['full_attention', 'sliding_attention'])),
    'roberta': ('Roberta', ENCODER | dict(max_position_embeddings=50, type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5)),
    'xlm-roberta': ('XLMRoberta', ENCODER | dict(max_position_embeddings=60, type_vocab_size=1, pad_token_id=1, hidden_act='gelu_new', layer_norm_eps=1e-5)),
    'deberta-v3': ('DebertaV2', DEBERTA | dict(max_relative_positions=-1, position_buckets=4, norm_rel_ebd='layer_norm', share_att_key=True, position_biased_input=False, type_vocab_size=0, pooler_hidden_size=16)),
    'deberta-v2': ('DebertaV2', DEBERTA | dict(max_relative_positions=-1, position_buckets=8, norm_rel_ebd='layer_norm', share_att_key=True, position_biased_input=False, type_vocab_size=0, conv_kernel_size=3, conv_act='gelu', pooler_hidden_size=16)),
    'deberta-v2-own-keys': ('DebertaV2', DEBERTA | dict(max_relative_positions=10, share_att_key=False, position_biased_input=True, type_vocab_size=2, embedding_size=12, pooler_hidden_size=16)),
    'deberta-v2-content': ('DebertaV2', DEBERTA | dict(max_relative_positions=6, pos_att_type='c2p', share_att_key=True, position_biased_input=False, type_vocab_size=0, pooler_hidden_size=16, hidden_act='relu')),
    'bert-relu': ('Bert', ENCODER | dict(max_position_embeddings=48, pad_token_id=0, hidden_act='relu', type_vocab_size=2)),
}
LEFT = {name for name, (family, options) in CASES.items() if 'num_key_value_heads' in options}


def batch(lengths, pad, generator):
    rows = [torch.randint(3, VOCABULARY, (n,), generator=generator) for n in lengths]
    right, left = (torch.full((len(lengths), max(lengths)), pad) for _ in range(2))
    for row, ids in enumerate(rows):
        right[row, :len(ids)] = ids
        left[row, right.shape[1] - len(ids):] = ids
    return right, left


def randomise(model, generator):
    """Transformers' starting weights are so small that mistakes would hide: larger ones, norms and biases included."""
    plus_one = type(model).__name__.startswith('Gemma')
    for name, parameter in sorted(model.named_parameters()):
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() == 1:
            parameter.data = (0 if plus_one else 1) + 0.3 * noise if 'norm' in name.lower() and name.endswith('weight') else 0.2 * noise
        elif 'embed' in name:
            parameter.data = noise * (0.2 if plus_one else 0.7)
        else:
            parameter.data = noise * (1.2 / parameter[0].numel() ** 0.5)
        parameter.data = parameter.data.half().float()


def as_transformers_4(config):
    """The fields of config.json as Transformers 4 named them."""
    old = {key: value for key, value in config.items() if key not in ('rope_parameters', 'layer_types', 'dtype')}
    parameters = dict(config['rope_parameters'])
    old['rope_theta'] = parameters.pop('rope_theta')
    kind = parameters.pop('rope_type')
    old['rope_scaling'] = None if kind == 'default' else {'type' if kind in ('linear', 'dynamic') else 'rope_type': kind} | parameters
    return old | dict(torch_dtype='float16', transformers_version='4.44.0')


def make(name, family, options, seed):
    folder = os.path.join(OUT, name)
    os.makedirs(folder, exist_ok=True)
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    config = getattr(t, family + 'Config')(**options, id2label=LABELS, label2id={v: k for k, v in LABELS.items()})
    kind = getattr(t, family + 'ForSequenceClassification')
    model = kind._from_config(copy.deepcopy(config), attn_implementation='eager').eval()
    randomise(model, generator)
    save_file({key: value.half().contiguous() for key, value in model.state_dict().items() if value.is_floating_point()}, os.path.join(folder, 'model.safetensors'), {'format': 'pt'})
    model.config.dtype = 'float16'
    model.config.architectures = [kind.__name__]
    model.config.save_pretrained(folder)
    written = json.load(open(os.path.join(folder, 'config.json')))
    expected, pad = {}, config.pad_token_id
    for i, lengths in enumerate(LENGTHS):
        right, left = batch(lengths, pad, generator)
        mask = (right != pad).long()
        with torch.no_grad():
            output = model(input_ids=right, attention_mask=mask)
            hidden = getattr(model, model.base_model_prefix)(input_ids=right, attention_mask=mask).last_hidden_state * mask[..., None]
            expected |= {f'{i}.ids': right, f'{i}.lengths': torch.tensor(lengths), f'{i}.hidden': hidden.contiguous(), f'{i}.logits': output.logits.contiguous()}
            if name in LEFT:
                expected[f'{i}.left'] = model(input_ids=left, attention_mask=(left != pad).long()).logits.contiguous()
    ids = expected['0.ids']
    loss = torch.nn.functional.cross_entropy(model(input_ids=ids, attention_mask=(ids != pad).long()).logits, torch.tensor([0, 1, 2, 0]))
    loss.backward()
    expected['loss'] = loss.detach()
    for key, parameter in model.named_parameters():
        expected['grad.' + key] = parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
    save_file(expected, os.path.join(folder, 'expected.safetensors'))

    if 'rope_parameters' in written:
        old = as_transformers_4(written)
        json.dump(old, open(os.path.join(folder, 'config4.json'), 'w'), indent=2, sort_keys=True)
        again = kind._from_config(getattr(t, family + 'Config')(**old | dict(torch_dtype='float32')), attn_implementation='eager').eval()
        again.load_state_dict(model.state_dict())
        with torch.no_grad():
            long = expected['1.ids']
            assert torch.equal(again(input_ids=long, attention_mask=(long != pad).long()).logits, expected['1.logits']), name
    print(name, 'loss', float(loss.detach()), 'left', float((expected['0.left'] - expected['0.logits']).abs().max()) if name in LEFT else None, flush=True)


if __name__ == '__main__':
    for seed, (name, (family, options)) in enumerate(CASES.items()):
        if len(sys.argv) <= 2 or name in sys.argv[2:]:
            make(name, family, options, 100 + seed)
