using LoraArena.Learning.Devices;
using LoraArena.Learning.Files;
using TorchSharp;
using static TorchSharp.torch;

namespace LoraArena.Learning.Tests;

/// <summary>Starts libtorch once for all tests, and compares tensors.</summary>
internal static class Torch
{
    /// <summary>Loads libtorch with one thread: the models are tiny, and threads that wait for one another cost more than they do.</summary>
    [System.Runtime.CompilerServices.ModuleInitializer]
    internal static void Start() => TorchRuntime.Load(threads: 1);

    /// <summary>Path of a fixture.</summary>
    public static string Fixture(params string[] parts) => Path.Join([AppContext.BaseDirectory, "Fixtures", .. parts]);

    /// <summary>Largest |a − b| relative to the largest |b|.</summary>
    public static double RelativeError(Tensor actual, Tensor expected)
    {
        using var scope = NewDisposeScope();
        Assert.Equal(expected.shape, actual.shape);
        var difference = (actual.to(ScalarType.Float64) - expected.to(ScalarType.Float64)).abs().max().ToDouble();
        return difference / Math.Max(1e-30, expected.to(ScalarType.Float64).abs().max().ToDouble());
    }

    /// <summary>A batch of a fixture: <c>0.ids</c> and <c>0.lengths</c>.</summary>
    public static Models.FixtureBatch Batch(SafetensorsFile file, int index)
    {
        using var scope = NewDisposeScope();
        var ids = file.Read($"{index}.ids");
        var lengths = file.Read($"{index}.lengths").data<long>().ToArray();
        var values = ids.data<long>().ToArray();
        var width = (int)ids.shape[1];
        return new Models.FixtureBatch([.. lengths.Select((n, row) => (IReadOnlyList<int>)[.. values.Skip(row * width).Take((int)n).Select(id => (int)id)])]);
    }
}
