"""Files as safetensors.torch writes them, with every type of number that is read here.

Run by hand with PyTorch 2.13.0 and safetensors 0.8.0; the files in safetensors/ are its output. No randomness: element i of a tensor is
(37 i mod 251) − 100 in signed types, (37 i mod 251) in U8, and i odd in BOOL.
Usage: python make_safetensors.py [FOLDER]
"""
import os, sys
import torch
from safetensors.torch import save_file

OUT = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), 'safetensors')
TYPES = {
    'BOOL': torch.bool, 'U8': torch.uint8, 'I8': torch.int8, 'I16': torch.int16, 'I32': torch.int32, 'I64': torch.int64,
    'F16': torch.float16, 'BF16': torch.bfloat16, 'F32': torch.float32, 'F64': torch.float64,
}


def values(name, shape):
    count = 1
    for size in shape:
        count *= size
    i = torch.arange(count)
    if name == 'BOOL':
        numbers = i % 2 == 1
    elif name == 'U8':
        numbers = i * 37 % 251
    elif name == 'I8':
        numbers = (i * 37 % 251 - 100).clamp(-128, 127)
    else:
        numbers = i * 37 % 251 - 100
    return numbers.to(TYPES[name]).reshape(shape)


os.makedirs(OUT, exist_ok=True)
# Two tensors a type, so that the order among types and among names both show; sizes such that some begin at odd places.
tensors = {}
for name in TYPES:
    tensors['b.' + name] = values(name, (3, 5))
    tensors['a.' + name] = values(name, (2,))
tensors |= {'scalar': values('F32', ()), 'none': values('F32', (0,)), 'none.wide': values('I64', (4, 0, 7))}
save_file(tensors, os.path.join(OUT, 'types.safetensors'))
save_file({'Gewicht ü/模型': values('F32', (2, 3)), 'a"b\\c\n<&+\'>': values('U8', (4,))}, os.path.join(OUT, 'names.safetensors'), metadata={'format': 'pt'})
