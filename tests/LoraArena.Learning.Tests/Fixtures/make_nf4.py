"""Expected NF4 codes and numbers, as bitsandbytes makes them on the CPU with double quantisation. Run: python make_nf4.py"""
import os
import torch
import bitsandbytes
import bitsandbytes.functional as F
from safetensors.torch import save_file

torch.manual_seed(5)
w = torch.randn(96, 208) * torch.logspace(-2, 0, 96)[:, None]
codes, state = F.quantize_4bit(w, blocksize=64, compress_statistics=True, quant_type='nf4')

# Its CPU kernel is wrong where a block goes over the end of a row, as with 208 columns; one row a block has none.
state.shape = torch.Size([w.numel() // 64, 64])
dense = F.dequantize_4bit(codes, state).view(w.shape)
assert (dense - w).norm() < 0.1 * w.norm()
here = os.path.dirname(os.path.abspath(__file__))
save_file({
    'w': w, 'codes': codes.flatten().contiguous(), 'dense': dense.contiguous(), 'scale_codes': state.absmax.contiguous(),
    'second': state.state2.absmax.contiguous(), 'map': state.state2.code.contiguous(), 'offset': state.offset.reshape(1).contiguous(),
}, os.path.join(here, 'nf4', 'expected.safetensors'))
print(bitsandbytes.__version__, codes.shape, state.absmax.dtype, state.state2.code.shape, state.offset)
