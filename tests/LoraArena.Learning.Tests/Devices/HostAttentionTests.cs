using System.Runtime.Intrinsics.X86;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Devices.Host;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests.Devices;

/// <summary>Attention by our own kernels against plain products and a softmax in fp64, with what autograd makes of them.</summary>
public sealed class HostAttentionTests
{
    public static TheoryData<AttentionCase> Cases =>
    [
        new AttentionCase(2, 4, 2, 77, 20),
        new AttentionCase(2, 4, 2, 77, 20, Causal: true),
        new AttentionCase(1, 3, 1, 300, 64, Causal: true),
        new AttentionCase(1, 2, 2, 600, 16),
        new AttentionCase(1, 2, 2, 600, 16, Causal: true),
        new AttentionCase(1, 2, 1, 530, 32, Causal: true, Window: 40),
        new AttentionCase(1, 2, 1, 530, 32, Causal: true, Window: 300),
        new AttentionCase(1, 1, 1, 1, 8),
        new AttentionCase(1, 2, 2, 65, 8, Causal: true, Window: 1),
        new AttentionCase(3, 2, 2, 90, 24, Lengths: [90, 1, 33]),
        new AttentionCase(3, 2, 1, 400, 32, Causal: true, Lengths: [257, 400, 64]),
        new AttentionCase(2, 4, 4, 321, 80, Lengths: [320, 321]),
        new AttentionCase(2, 2, 1, 120, 16, Causal: true, Window: 17, Lengths: [50, 120]),
    ];

    [Theory]
    [MemberData(nameof(Cases))]
    public void ValuesAndGradients_AreThoseOfProductsAndSoftmax(AttentionCase sizes)
    {
        using var scope = NewDisposeScope();
        manual_seed(sizes.Tokens);
        var (q, k, v, g) = (Heads(sizes, sizes.Heads), Heads(sizes, sizes.Groups), Heads(sizes, sizes.Groups), Heads(sizes, sizes.Heads));
        var context = HostAttention.Of(q, k, v, sizes.Lengths, sizes.Causal, sizes.Window, sizes.Scale);
        context.backward([g]);
        var (q64, k64, v64) = (Twin(q), Twin(k), Twin(v));
        var expected = Expected(sizes, q64, k64, v64);
        expected.backward([g.to(ScalarType.Float64)]);
        Assert.InRange(Torch.RelativeError(context, expected), 0, 2e-6);

        // A token that sees itself alone has weight 1, whatever it scores: what is left of such a gradient is rounding of the others.
        var largest = new[] { q64, k64, v64 }.Max(x => x.grad!.abs().max().ToDouble());
        foreach (var (ours, theirs) in new[] { (q, q64), (k, k64), (v, v64) })
        {
            Assert.InRange((ours.grad!.to(ScalarType.Float64) - theirs.grad!).abs().max().ToDouble() / largest, 0, 1e-6);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void WithAvx2AndWithAvx512_EveryBitIsTheSame(AttentionCase sizes)
    {
        Assert.SkipUnless(Avx512F.IsSupported, "This processor has no AVX-512: the other tests are of AVX2.");
        using var scope = NewDisposeScope();
        manual_seed(sizes.Tokens);
        var (q, k, v, g) = (Heads(sizes, sizes.Heads), Heads(sizes, sizes.Groups), Heads(sizes, sizes.Groups), Heads(sizes, sizes.Heads));
        var wide = Run();
        HostTile.HasAvx512 = false;
        try
        {
            Assert.All(wide.Zip(Run()), pair => Assert.True(Same(pair.First, pair.Second)));
        }
        finally
        {
            HostTile.HasAvx512 = true;
        }

        Tensor[] Run()
        {
            foreach (var x in new[] { q, k, v }) x.grad = null;
            var context = HostAttention.Of(q, k, v, sizes.Lengths, sizes.Causal, sizes.Window, sizes.Scale);
            context.backward([g]);
            return [context.detach(), q.grad!.clone(), k.grad!.clone(), v.grad!.clone()];
        }
    }

    [Theory]
    [InlineData(null, false, null, false)]
    [InlineData(new[] { 100, 90 }, false, null, false)]
    [InlineData(new[] { 100, 60 }, false, null, true)]
    [InlineData(null, true, null, true)]
    [InlineData(null, false, 10, true)]
    public void WhereMklMultipliesAsFast_ItIsTakenForWhatLeavesPairsOut(int[]? lengths, bool causal, int? window, bool taken)
    {
        Assert.SkipUnless(HostAttention.IsSupported, "This processor has no AVX2.");
        using var scope = NewDisposeScope();
        var (x, library) = (zeros(2, 1, 100, 8), MatrixProduct.Library);
        try
        {
            MatrixProduct.Library = ProductLibrary.Mkl;
            Assert.Equal(taken, HostAttention.Takes(x, x, lengths, causal, window));
            MatrixProduct.Library = ProductLibrary.Own;
            Assert.True(HostAttention.Takes(x, x, lengths, causal, window));
            Assert.False(HostAttention.Takes(x.to(ScalarType.Float64), x, lengths, causal, window));
        }
        finally
        {
            MatrixProduct.Library = library;
        }
    }

    [Fact]
    public void ANumberThatIsNone_IsSeenWhereItCounts()
    {
        using var scope = NewDisposeScope();
        manual_seed(7);
        var sizes = new AttentionCase(1, 1, 1, 100, 16);
        var (q, k, v, g) = (Heads(sizes, 1), Heads(sizes, 1), Heads(sizes, 1), Heads(sizes, 1));
        using (no_grad())
        {
            k.narrow(2, 40, 1).narrow(3, 3, 1).fill_(float.NaN);
        }

        // The query before the broken key does not see it.
        var context = HostAttention.Of(q, k, v, null, causal: true, null, 0.2);
        Assert.True(context.narrow(2, 0, 40).isfinite().all().ToBoolean());
        Assert.True(context.narrow(2, 40, 60).isnan().all().ToBoolean());
        context.backward([g]);
        Assert.True(q.grad!.narrow(2, 40, 60).isnan().any(3).all().ToBoolean());
        Assert.True(v.grad!.isnan().any(3).all().ToBoolean());
    }

    [Fact]
    public void WhatComesLater_AndPadding_ChangeNoBit()
    {
        using var scope = NewDisposeScope();
        manual_seed(5);
        var sizes = new AttentionCase(2, 2, 1, 200, 32);
        var (q, k, v) = (Heads(sizes, 2).detach(), Heads(sizes, 1).detach(), Heads(sizes, 1).detach());
        var (k2, v2) = (k.clone(), v.clone());
        k2.narrow(2, 130, 70).fill_(1e4f);
        v2.narrow(2, 130, 70).fill_(float.NaN);
        var causal = HostAttention.Of(q, k, v, null, causal: true, null, 0.2).narrow(2, 0, 130);
        Assert.True(Same(causal, HostAttention.Of(q, k2, v2, [130, 130], causal: true, null, 0.2).narrow(2, 0, 130)));
        var padded = HostAttention.Of(q, k, v, [130, 130], causal: false, null, 0.2);
        Assert.True(Same(padded, HostAttention.Of(q, k2, v2, [130, 130], causal: false, null, 0.2)));
        Assert.False(Same(padded, HostAttention.Of(q, k2, v, [131, 130], causal: false, null, 0.2)));
        Assert.Equal(0, padded.narrow(2, 130, 70).abs().max().ToSingle());
    }

    [Fact]
    public void ScoresThatWouldOverflow_GiveFiniteWeights()
    {
        using var scope = NewDisposeScope();
        var sizes = new AttentionCase(1, 1, 1, 70, 16, Causal: true);
        var (q, k, v) = (Heads(sizes, 1), Heads(sizes, 1), Heads(sizes, 1));
        var context = HostAttention.Of(q, k, v, null, causal: true, null, 1e4);
        context.backward([Heads(sizes, 1)]);
        foreach (var x in new[] { context, q.grad!, k.grad!, v.grad! }) Assert.True(x.isfinite().all().ToBoolean());
    }

    [Fact]
    public void TheNumberOfThreads_ChangesNoBit()
    {
        using var scope = NewDisposeScope();
        manual_seed(6);
        var sizes = new AttentionCase(2, 4, 2, 150, 32, Causal: true);
        var (q, k, v, g) = (Heads(sizes, 4), Heads(sizes, 2), Heads(sizes, 2), Heads(sizes, 4));
        var threads = get_num_threads();
        try
        {
            set_num_threads(1);
            var (alone, aloneK) = Run();
            set_num_threads(3);
            var (shared, sharedK) = Run();
            Assert.True(Same(alone, shared) && Same(aloneK, sharedK));
        }
        finally
        {
            set_num_threads(threads);
        }

        (Tensor Context, Tensor Gradient) Run()
        {
            k.grad?.zero_();
            var context = HostAttention.Of(q, k, v, null, causal: true, null, 0.2);
            context.backward([g]);
            return (context.detach(), k.grad!.clone());
        }
    }

    private static bool Same(Tensor a, Tensor b) => a.eq(b).all().ToBoolean();

    // As a model hands them over: the heads of a token side by side.
    private static Tensor Heads(AttentionCase sizes, int heads)
        => randn(sizes.Batch, sizes.Tokens, heads, sizes.HeadSize).transpose(1, 2).detach().requires_grad_();

    private static Tensor Twin(Tensor x) => x.detach().to(ScalarType.Float64).requires_grad_();

    private static Tensor Expected(AttentionCase sizes, Tensor q, Tensor k, Tensor v)
    {
        var each = sizes.Heads / sizes.Groups;
        var scores = einsum("bhtk,bhsk->bhts", q, k.repeat_interleave(each, 1)) * sizes.Scale;
        var places = arange(sizes.Tokens);
        var (query, key) = (places.unsqueeze(1), places.unsqueeze(0));
        var seen = ones(sizes.Batch, 1, sizes.Tokens, sizes.Tokens, ScalarType.Bool);
        if (sizes.Causal) seen = seen.logical_and(key.le(query));
        if (sizes.Window is { } window) seen = seen.logical_and(key.gt(query - window));
        var real = tensor(sizes.Lengths ?? [.. Enumerable.Repeat(sizes.Tokens, sizes.Batch)]).view(-1, 1, 1, 1);
        seen = seen.logical_and(key.unsqueeze(0).unsqueeze(0).lt(real));
        var weights = nn.functional.softmax(scores.masked_fill(seen.logical_not(), -1e300), -1);
        var context = einsum("bhts,bhsk->bhtk", weights, v.repeat_interleave(each, 1));
        return context * query.unsqueeze(0).unsqueeze(0).lt(real).to(ScalarType.Float64);
    }
}

/// <summary>Sizes of an attention, and what its tokens see.</summary>
public sealed record AttentionCase(int Batch, int Heads, int Groups, int Tokens, int HeadSize, bool Causal = false, int? Window = null, int[]? Lengths = null)
{
    /// <summary>What scores are multiplied by.</summary>
    public double Scale => 1 / Math.Sqrt(HeadSize);
}
