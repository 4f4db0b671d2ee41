using static TorchSharp.torch;

namespace LoraArena.Learning.Models;

/// <summary>A transformer without a head. B sequences, T tokens, D width.</summary>
public abstract class Backbone
{
    /// <summary>The last layer's output for every token, [B, T, D], as Hugging Face's <c>last_hidden_state</c>.</summary>
    public abstract Tensor HiddenStates(TokenBatch batch, ForwardMode mode);

    /// <summary>What a classification head looks at, [B, D]; the last layer computes no other token.</summary>
    public abstract Tensor Pooled(TokenBatch batch, ForwardMode mode);
}
