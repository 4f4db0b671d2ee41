namespace LoraArena.Cli.Tests;

/// <summary>An arena with a base model, which several tests ask about.</summary>
public sealed class RegisteredModel : IAsyncLifetime
{
    public Arena Arena { get; } = new();

    public async ValueTask InitializeAsync() => await Arena.AskAsync("models", "add", Places.RequireModel(), "--name", "nano");

    public ValueTask DisposeAsync()
    {
        Arena.Dispose();
        return ValueTask.CompletedTask;
    }
}

public sealed class SizeTests(RegisteredModel model) : IClassFixture<RegisteredModel>
{
    private readonly Arena _arena = model.Arena;

    [Fact]
    public async Task Size_CountsAndMeetsABudget()
    {
        var counted = await _arena.AskAsync("size", "--model", "nano", "--variant", "lora", "-s", "r=8");
        var met = await _arena.AskAsync("size", "--model", "nano", "--variant", "lora", "--parameters", "30000");
        var all = await _arena.AskAsync("size", "--model", "nano", "--parameters", "30000");

        Assert.Null(counted["solved"]);
        Assert.True((long)counted["parameters"]! > 0);
        Assert.Equal("r", (string)met["solved"]!);
        Assert.InRange((long)met["parameters"]!, 29_000, 30_000);
        Assert.Contains(all["sizes"]!.AsArray(), size => (string)size!["variant"]! == "lora" && (long)size["parameters"]! == (long)met["parameters"]!);

        // What was found is what a run takes: counted again, it is the same.
        var options = met["options"]!.AsObject().SelectMany(option => new[] { "-s", $"{option.Key}={option.Value}" });
        var again = await _arena.AskAsync(["size", "--model", "nano", "--variant", "lora", .. options]);
        Assert.Equal((long)met["parameters"]!, (long)again["parameters"]!);
    }

    [Fact]
    public async Task Size_ForecastsTheMemoryOfTheTrainingThatIsGiven()
    {
        string[] Asked(params string[] more) => ["size", "--model", "nano", "--variant", "lora", "-s", "device=cpu", .. more];
        var usual = (await _arena.AskAsync(Asked()))["memory"]!;
        var smaller = (await _arena.AskAsync(Asked("-s", "base_precision=bf16", "-s", "max_tokens_per_micro_batch=256", "-s", "max_length=128")))["memory"]!;

        Assert.Equal(("fp32", "cpu"), ((string)usual["precision"]!, (string)usual["device"]!));
        Assert.Equal(("bf16", 256), ((string)smaller["precision"]!, (int)smaller["tokens"]!));
        Assert.Equal((long)usual["weights"]!, 2 * (long)smaller["weights"]!);
        Assert.True((long)smaller["training"]! < (long)usual["training"]!);
    }

    [Fact]
    public async Task Size_MeetsWhatAnotherMethodTrains_AndVariantsCountsAll()
    {
        var lora = await _arena.AskAsync("size", "--model", "nano", "--variant", "lora", "-s", "r=16");
        var like = await _arena.AskAsync("size", "--model", "nano", "--variant", "dora", "--like", "lora:r=16");
        var all = await _arena.AskAsync("variants", "--model", "nano");
        var listed = await _arena.RunAsync("variants", "--model", "nano");

        Assert.Equal((long)lora["parameters"]!, (long)like["budget"]!);
        Assert.InRange((double)like["parameters"]! / (long)lora["parameters"]!, 0.97, 1);
        Assert.Contains(all["sizes"]!.AsArray(), size => (string)size!["variant"]! == "lora" && (long)size["parameters"]! == (long)lora["parameters"]!);
        Assert.All(all["variants"]!.AsArray(), variant => Assert.False(string.IsNullOrEmpty((string)variant!["cost"]!)));
        string[] headings = ["Low rank", "Magnitude", "Starts", "Optimisers", "Others"];
        Assert.Equal(headings, listed.Output.Split('\n').Select(line => line.Trim()).Where(headings.Contains));
    }

    [Theory]
    [InlineData("size --model nowhere", 3)]
    [InlineData("size --model nano --variant dola", 3)]
    [InlineData("size --model nano --parameters 0", 2)]
    [InlineData("size --model nano -s r=8", 2)]
    [InlineData("size --model nano --like lora:batch_size=4", 2)]
    [InlineData("size --model nano --variant dora --like lora:r", 2)]
    [InlineData("size --model nano --parameters 9 --like lora", 2)]
    [InlineData("size --model nano --variant lora -s target_modules=q", 3)]
    public async Task Size_RefusesWhatCannotBe(string line, int exitCode)
    {
        var ended = await _arena.RunAsync(line.Split(' '));

        Assert.Equal(exitCode, ended.ExitCode);
        Assert.Empty(ended.Output);
    }
}
