using System.Text.RegularExpressions;
using LoraArena.Tests.Support;

namespace LoraArena.Architecture.Tests;

/// <summary>
/// What the sources say about devices. A tensor that is made without naming one lies on the CPU, and a run on a GPU fails there or waits for a
/// copy; a number that is read makes the GPU's queue run dry. Tests on the CPU see neither, so the sources are held to it.
/// </summary>
public sealed partial class TensorPlacementTests
{
    // They read numbers once for many steps, or at the end, as a checkpoint is read, before the first step, for an export, or on the CPU alone.
    private static readonly string[] Readers =
    [
        "AttachedAdaLora.cs", "AttachedLoraDrop.cs", "DeltaLora.cs", "DropoutMask.cs", "Eva.cs", "LogitError.cs", "LoraConversion.cs",
        "LoraDrop.cs",
        "Nf4.cs", "Nf4Codes.cs", "Predictor.cs", "Pretrainer.cs", "RandomStreams.cs", "SafetensorsFile.cs", "SafetensorsWriter.cs",
        "TensorPointer.cs", "Trainer.cs",
    ];

    private static readonly (string Name, string Text)[] Sources = [.. new[] { "LoraArena.Learning", "LoraArena.Worker" }
        .SelectMany(project => Directory.EnumerateFiles(Path.Join(Repository.Root, "src", project), "*.cs", SearchOption.AllDirectories))
        .Select(path => (Name: Path.GetFileName(path), Text: File.ReadAllText(path)))
        .Where(source => source.Text.Contains("TorchSharp", StringComparison.Ordinal))];

    [Fact]
    public void ATensorIsMadeOnANamedDevice()
    {
        var made = Sources.Where(source => source.Name != "TorchRuntime.cs").SelectMany(source => Made(source.Text)).ToList();
        Assert.True(made.Count >= 15, $"{made.Count} tensors found");
        Assert.All(made, statement => Assert.True(NamesADevice().IsMatch(statement), statement));
    }

    [Fact]
    public void NumbersAreReadInAFewPlacesOnly()
        => Assert.Equal(Readers, Sources.Where(source => Reads().IsMatch(source.Text)).Select(source => source.Name).Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("var x = zeros(3, ScalarType.Float32);", false)]
    [InlineData("var x = torch.tensor(values);", false)]
    [InlineData("var x = arange(3, device: y.device);", true)]
    [InlineData("var x = zeros(\n    [3, f(2)],\n    device: _model.Device);", true)]
    [InlineData("Use(zeros(3), device);", false)]
    public void TheSearch_SeesWhatItShould(string statement, bool named)
        => Assert.Equal(named, NamesADevice().IsMatch(Assert.Single(Made(statement))));

    // Every call that makes a tensor, with all its arguments.
    private static IEnumerable<string> Made(string text)
    {
        foreach (Match match in Makes().Matches(text))
        {
            var (end, open) = (match.Index + match.Length, 1);
            while (open > 0) open += text[end++] switch { '(' => 1, ')' => -1, _ => 0 };
            yield return text[match.Index..end];
        }
    }

    [GeneratedRegex(@"(?<![.\w])(torch\.)?(arange|bernoulli|empty|eye|from_array|frombuffer|full|linspace|ones|rand|randint|randn|randperm|tensor|zeros)\(")]
    private static partial Regex Makes();

    [GeneratedRegex(@"[dD]evice|\bCPU\b|\bMETA\b")]
    private static partial Regex NamesADevice();

    [GeneratedRegex(@"\.item<|\.data<|\.bytes\b|\.cpu\(\)|\.To(Single|Double|Int32|Int64|Boolean|Scalar)\(\)|\bnonzero\(|\bmasked_select\(")]
    private static partial Regex Reads();
}
