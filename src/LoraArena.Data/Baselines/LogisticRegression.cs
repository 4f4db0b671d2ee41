using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MathNet.Numerics.LinearAlgebra;

namespace LoraArena.Data.Baselines;

/// <summary>
/// Multinomial logistic regression: minimises Σ −ln softmax(W·x + b)[class] + ½·λ·‖W‖² by Newton's method. The intercepts b are free, as in
/// scikit-learn. Adding one number to all of them changes no probability, so their sum is held at 0 to make the solution unique.
/// </summary>
internal sealed class LogisticRegression
{
    private const int MaxSteps = 100;

    /// <summary>Row k: weights of class k and, last, its intercept.</summary>
    private readonly double[][] _weights;

    private LogisticRegression(double[][] weights) => _weights = weights;

    /// <summary>Fits weights.</summary>
    /// <param name="rows">Features, the same number in each row.</param>
    /// <param name="classes">Class of each row, from 0.</param>
    /// <param name="count">Number of classes.</param>
    /// <param name="penalty">λ, above 0.</param>
    /// <exception cref="ArithmeticException">The features are not finite.</exception>
    public static LogisticRegression Fit(double[][] rows, int[] classes, int count, double penalty)
    {
        var width = rows[0].Length + 1;
        var weights = Vector<double>.Build.Dense(count * width);
        var (loss, gradient, curvature) = Derivatives(rows, classes, count, penalty, weights);
        for (var step = 0; step < MaxSteps && gradient.InfinityNorm() > 1e-9 * rows.Length; step++)
        {
            var direction = curvature.Cholesky().Solve(gradient);

            // The loss is convex, so a short enough step along Newton's direction always lowers it.
            var scale = 1.0;
            while (true)
            {
                var next = weights - (scale * direction);
                var (nextLoss, nextGradient, nextCurvature) = Derivatives(rows, classes, count, penalty, next);
                if (nextLoss <= loss + (1e-12 * Math.Abs(loss)))
                {
                    (weights, loss, gradient, curvature) = (next, nextLoss, nextGradient, nextCurvature);
                    break;
                }

                scale /= 2;
                if (scale < 1e-10) throw new ArithmeticException("The regression does not converge: its features are not finite.");
            }
        }

        return new LogisticRegression([.. Enumerable.Range(0, count).Select(k => weights.SubVector(k * width, width).ToArray())]);
    }

    /// <summary>Probabilities of the classes.</summary>
    public double[] Predict(double[] row)
    {
        var scores = _weights.Select(w => Score(w, row)).ToArray();
        Softmax(scores);
        return scores;
    }

    // A few calls, each over all rows, in a process that is young: it is compiled well from the start.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (double Loss, Vector<double> Gradient, Matrix<double> Curvature) Derivatives(
        double[][] rows, int[] classes, int count, double penalty, Vector<double> weights)
    {
        var width = rows[0].Length + 1;
        var w = weights.AsArray();
        var gradient = new double[count * width];
        var loss = 0.0;
        var p = new double[count];
        var x = new double[width];

        // The curvature is symmetric in the classes and in the features: each pair is added up once, over all rows.
        var products = new double[width * (width + 1) / 2];
        var sums = new double[count * (count + 1) / 2 * products.Length];
        for (var row = 0; row < rows.Length; row++)
        {
            rows[row].CopyTo(x, 0);
            x[^1] = 1;
            for (int i = 0, at = 0; i < x.Length; i++)
            {
                for (var j = i; j < x.Length; j++) products[at++] = x[i] * x[j];
            }

            for (var k = 0; k < p.Length; k++) p[k] = Score(w.AsSpan(k * width, width), rows[row]);
            loss -= p[classes[row]];
            loss += Softmax(p);
            var pair = sums.AsSpan();
            for (var k = 0; k < p.Length; k++)
            {
                AddScaled(p[k] - (classes[row] == k ? 1 : 0), x, gradient.AsSpan(k * width, width));
                for (var l = k; l < p.Length; l++)
                {
                    AddScaled(p[k] * ((k == l ? 1 : 0) - p[l]), products, pair);
                    pair = pair[products.Length..];
                }
            }
        }

        var curvature = Unpack(sums, count, width);
        var intercepts = Enumerable.Range(0, count).Sum(k => w[(k * width) + width - 1]);
        loss += intercepts * intercepts / 2;
        for (var k = 0; k < count; k++)
        {
            var last = (k * width) + width - 1;
            gradient[last] += intercepts;
            for (var l = 0; l < count; l++) curvature[last, (l * width) + width - 1] += 1;
            for (var i = k * width; i < last; i++)
            {
                loss += penalty * w[i] * w[i] / 2;
                gradient[i] += penalty * w[i];
                curvature[i, i] += penalty;
            }
        }

        return (loss, Vector<double>.Build.Dense(gradient), Matrix<double>.Build.DenseOfArray(curvature));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddScaled(double factor, ReadOnlySpan<double> terms, Span<double> sums)
    {
        sums = sums[..terms.Length];
        var i = 0;
        for (; i <= terms.Length - Vector256<double>.Count; i += Vector256<double>.Count)
        {
            (Vector256.Create<double>(sums[i..]) + (factor * Vector256.Create<double>(terms[i..]))).CopyTo(sums[i..]);
        }

        for (; i < terms.Length; i++) sums[i] += factor * terms[i];
    }

    /// <summary>The whole matrix of sums that were taken over pairs of classes and, inside those, pairs of features.</summary>
    private static double[,] Unpack(double[] sums, int count, int width)
    {
        var matrix = new double[count * width, count * width];
        var at = 0;
        for (var k = 0; k < count; k++)
        {
            for (var l = k; l < count; l++)
            {
                for (var i = 0; i < width; i++)
                {
                    for (var j = i; j < width; j++, at++)
                    {
                        matrix[(k * width) + i, (l * width) + j] = matrix[(k * width) + j, (l * width) + i] = sums[at];
                        matrix[(l * width) + i, (k * width) + j] = matrix[(l * width) + j, (k * width) + i] = sums[at];
                    }
                }
            }
        }

        return matrix;
    }

    private static double Score(ReadOnlySpan<double> weights, double[] row)
    {
        var score = weights[^1];
        for (var i = 0; i < row.Length; i++) score += weights[i] * row[i];
        return score;
    }

    /// <summary>Turns scores into probabilities and gives ln Σ eˢ of the scores.</summary>
    private static double Softmax(double[] scores)
    {
        var max = double.NegativeInfinity;
        foreach (var score in scores) max = Math.Max(max, score);
        var sum = 0.0;
        for (var k = 0; k < scores.Length; k++) sum += scores[k] = Math.Exp(scores[k] - max);
        for (var k = 0; k < scores.Length; k++) scores[k] /= sum;
        return max + Math.Log(sum);
    }
}
