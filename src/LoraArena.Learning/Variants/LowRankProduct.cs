using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Variants;

// N rows, I features in, O features out, R rank, S ranks of all sites of a product together.

/// <summary>
/// LoRA on layers that read the same input, as one autograd function: yᵢ = x Wᵢᵀ + bᵢ + sᵢ drop(x) Aᵢᵀ Bᵢᵀ. All Aᵢ are one product and the dropout is
/// drawn once; the adapter's part is added in place; a mask is made again from its seed in the backward pass, and of what the pass computes only
/// drop(x) Aᵀ is kept. Where nothing is dropped and the base is dense, W + s B A is one matrix for this pass, which costs a pass over the
/// weights and saves several over the rows.
/// </summary>
public sealed class LowRankProduct : autograd.MultiTensorFunction<LowRankProduct>
{
    // From that many rows for each of the matrix's wider side on, a pass over the matrix costs less than those over the rows.
    private const int RowsToMerge = 4;

    /// <inheritdoc/>
    public override string Name => nameof(LowRankProduct);

    /// <summary>The outputs, […, O] each.</summary>
    /// <param name="x">The input, […, I].</param>
    /// <param name="sites">The layers.</param>
    /// <param name="dropout">Share of the adapters' input that is dropped.</param>
    /// <param name="seed">Seed of the mask; not used without dropout.</param>
    /// <param name="outputUnused">True where nobody looks at the numbers that come out: shapes and gradients are what they are otherwise.</param>
    public static IReadOnlyList<Tensor> Of(Tensor x, IReadOnlyList<LowRankSite> sites, double dropout, long seed, bool outputUnused = false)
    {
        using var scope = NewDisposeScope();
        var call = new Call(sites, dropout, seed) { InputShape = x.shape, OutputUnused = outputUnused };
        if (!is_grad_enabled()) return [.. Compute(x, call).Outputs.Select(y => y.MoveToOuterDisposeScope())];
        return [.. apply([x, call, .. sites.SelectMany(site => new[] { site.A, site.B })]).Select(y => y.MoveToOuterDisposeScope())];
    }

    /// <summary>True if rows pay for one matrix in the place of base and adapter, and its type does not round the adapter away.</summary>
    internal static bool Merges(long rows, long inFeatures, long outFeatures, ScalarType type)
        => type is ScalarType.Float32 or ScalarType.Float64 && rows >= RowsToMerge * Math.Max(inFeatures, outFeatures);

    /// <inheritdoc/>
    public override List<Tensor> forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, call) = ((Tensor)vars[0], (Call)vars[1]);
        ctx.set_materialize_grads(false);
        ctx.save_data(nameof(Call), call);
        (call.NeedsInput, call.InputShape) = (x.requires_grad, x.shape);
        var (outputs, hNS) = Compute(x, call);

        // Where no A is trained, the input itself is not needed any more.
        ctx.save_for_backward(hNS is null ? [x] : call.TrainsA ? [x, hNS] : [hNS]);
        return outputs;
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, List<Tensor> grad_outputs)
    {
        var call = (Call)ctx.get_data(nameof(Call));
        return BackwardCall.Run(ctx, grad_outputs, 2 + (2 * call.Sites.Count), (saved, outputs) => Gradients(call, saved, outputs));
    }

    private static (List<Tensor> Outputs, Tensor? H) Compute(Tensor x, Call call)
    {
        using var scope = NewDisposeScope();
        var xNI = x.reshape(-1, x.shape[^1]);
        List<Tensor> outputs;
        Tensor? hNS = null;
        if (call.OutputUnused)
        {
            // The gradient of B needs this much.
            if (!call.Merges(xNI)) hNS = MatrixProduct.Of(call.Dropped(xNI), call.StackedA(x.dtype));
            outputs = [.. call.Sites.Select(site => FrozenProduct.Unused(xNI, site.Matrix.OutFeatures))];
        }
        else if (call.Merges(xNI))
        {
            outputs = [.. call.Sites.Select(site => MatrixProduct.Of(xNI, Merged(site), site.Bias))];
        }
        else
        {
            hNS = MatrixProduct.Of(call.Dropped(xNI), call.StackedA(x.dtype));
            outputs = [.. call.Sites.Select((site, i) => MatrixProduct.Sum(
                [new(xNI, site.Matrix.Dense(x.dtype)), new(call.Part(hNS, i), site.B.to(x.dtype), site.Scale * call.Growth)], site.Bias?.to(x.dtype)))];
        }

        return ([.. outputs.Select(y => y.view([.. x.shape[..^1], y.shape[1]]).MoveToOuterDisposeScope())], hNS?.MoveToOuterDisposeScope());
    }

    private static Tensor Merged(LowRankSite site) => addmm(site.Matrix.Dense(site.Matrix.ComputeType), site.B, site.A, 1, (float)site.Scale);

    private static List<Tensor?> Gradients(Call call, IReadOnlyList<Tensor> saved, IReadOnlyList<Tensor?> outputs)
    {
        var merges = saved.Count == 1 && call.TrainsA;
        var xNI = call.TrainsA ? saved[0].reshape(-1, saved[0].shape[^1]) : null;
        var hNS = merges ? null : saved[^1];
        var (rows, type, device) = ((xNI ?? hNS!).shape[0], saved[0].dtype, saved[0].device);
        var aSI = call.StackedA(type);
        var mask = call.Mask(rows, type, device);
        var droppedNI = xNI is null || mask is null ? xNI : xNI * mask;
        hNS ??= MatrixProduct.Of(droppedNI!, aSI);
        var uNS = zeros([rows, aSI.shape[0]], type, device);
        var gradients = new List<Tensor?> { null, null };
        var read = new List<(LowRankSite Site, Tensor GradientNO)>();
        foreach (var (site, i) in call.Sites.Select((site, i) => (site, i)))
        {
            gradients.AddRange([null, null]);
            if (outputs[i] is not { } output) continue;
            var gNO = output.reshape(-1, output.shape[^1]);
            read.Add((site, gNO));
            using var ofSite = NewDisposeScope();
            var scale = site.Scale * call.Growth;
            call.Part(uNS, i).copy_(MatrixProduct.Sum([new(gNO, site.B.to(type).t(), scale)]));
            if (!site.B.requires_grad) continue;
            gradients[3 + (2 * i)] = MatrixProduct.Sum([new(call.Part(hNS, i).t(), gNO.t(), scale)]).t().to(site.B.dtype).MoveToOuterDisposeScope();
        }

        var gradientSI = droppedNI is null ? null : MatrixProduct.Of(uNS.t(), droppedNI.t());

        // The gradient of the input needs another tensor as large.
        if (mask is not null) droppedNI?.Dispose();
        for (var i = 0; i < call.Sites.Count && gradientSI is not null; i++)
        {
            if (outputs[i] is not null && call.Sites[i].A.requires_grad)
            {
                gradients[2 + (2 * i)] = gradientSI.narrow(0, call.Offset(i), call.Sites[i].Rank).to(call.Sites[i].A.dtype);
            }
        }

        if (!call.NeedsInput || read.Count == 0) return gradients;
        var dxNI = InputGradient(read, merges, type, mask is null && !merges ? [new(uNS, aSI.t())] : []);
        if (mask is not null) dxNI.addcmul_(MatrixProduct.Of(uNS, aSI.t()), mask, 1);
        gradients[0] = dxNI.view(call.InputShape);
        return gradients;
    }

    // Quantised matrices are expanded one after the other, so that there is never more than one.
    private static Tensor InputGradient(List<(LowRankSite Site, Tensor GradientNO)> read, bool merges, ScalarType type, List<ProductTerm> ofAdapters)
    {
        var together = read.All(r => r.Site.Matrix is DenseMatrix) ? read.Count : 1;
        Tensor? dxNI = null;
        foreach (var some in read.Chunk(together))
        {
            using var scope = NewDisposeScope();
            var terms = some.Select(r => new ProductTerm(r.GradientNO, (merges ? Merged(r.Site) : r.Site.Matrix.Dense(type)).t()));
            var part = MatrixProduct.Sum([.. terms, .. dxNI is null ? ofAdapters : []]);
            dxNI = dxNI is null ? part.MoveToOuterDisposeScope() : dxNI.add_(part);
        }

        return dxNI!;
    }

    private sealed record Call(IReadOnlyList<LowRankSite> Sites, double Dropout, long Seed)
    {
        public bool NeedsInput { get; set; }

        public long[] InputShape { get; set; } = [];

        public bool OutputUnused { get; init; }

        public bool TrainsA { get; } = Sites.Any(site => site.A.requires_grad);

        /// <summary>What keeps the mean of a dropped input.</summary>
        public double Growth => 1 / (1 - Dropout);

        /// <summary>
        /// True where one matrix takes the place of base and adapter: few rows would not pay for the pass over it, and other types would
        /// round it away.
        /// </summary>
        public bool Merges(Tensor xNI) => Dropout == 0 && TrainsA && Sites.All(site => site.Matrix is DenseMatrix && site.Matrix.ComputeType == xNI.dtype
            && LowRankProduct.Merges(xNI.shape[0], site.Matrix.InFeatures, site.Matrix.OutFeatures, xNI.dtype));

        public Tensor? Mask(long rows, ScalarType type, Device device)
            => Dropout > 0 ? DropoutMask.Of([rows, InputShape[^1]], type, device, Dropout, Seed) : null;

        public Tensor Dropped(Tensor xNI) => Mask(xNI.shape[0], xNI.dtype, xNI.device) is { } mask ? mask.mul_(xNI) : xNI;

        /// <summary>All A, one below the other: [S, I].</summary>
        public Tensor StackedA(ScalarType type) => Sites.Count == 1 ? Sites[0].A.to(type) : cat([.. Sites.Select(site => site.A)], 0).to(type);

        public long Offset(int index) => Sites.Take(index).Sum(site => site.Rank);

        public Tensor Part(Tensor tNS, int index) => tNS.narrow(1, Offset(index), Sites[index].Rank);
    }
}

/// <summary>One layer of a <see cref="LowRankProduct"/>.</summary>
/// <param name="Matrix">W.</param>
/// <param name="Bias">b, [O]; null for none.</param>
/// <param name="A">A, [R, I].</param>
/// <param name="B">B, [O, R].</param>
/// <param name="Scale">s.</param>
public sealed record LowRankSite(BaseMatrix Matrix, Tensor? Bias, Tensor A, Tensor B, double Scale)
{
    /// <summary>Rows of A.</summary>
    public long Rank { get; } = A.shape[0];
}
