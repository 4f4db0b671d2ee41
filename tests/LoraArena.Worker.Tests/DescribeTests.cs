using LoraArena.Tests.Support;

namespace LoraArena.Worker.Tests;

/// <summary>What the worker says about itself and about model folders.</summary>
public sealed class DescribeTests
{
    [Fact]
    public async Task TheWorker_SaysWhatItCanDo()
    {
        var description = await WorkerProcess.AskAsync("describe");

        Assert.Equal(
            ["bert", "deberta-v2", "gemma", "gemma2", "llama", "mistral", "qwen2", "qwen3", "roberta", "xlm-roberta"],
            description["model_families"]!.AsArray().Select(f => f!.GetValue<string>()));
        Assert.Equal("cpu", description["devices"]!.AsArray()[^1]!["id"]!.GetValue<string>());
        Assert.True(description["devices"]!.AsArray()[^1]!["memory_bytes"]!.GetValue<long>() > 0);
        var lora = Assert.Single(description["variants"]!.AsArray(), v => v!["id"]!.GetValue<string>() == "lora")!;
        Assert.Equal("LORA", lora["peft_type"]!.GetValue<string>());
        Assert.Contains(lora["options"]!.AsArray(), o => o!["name"]!.GetValue<string>() == "lora_alpha");
        var epochs = Assert.Single(description["training"]!.AsArray(), o => o!["name"]!.GetValue<string>() == "num_train_epochs")!;
        Assert.Equal(2, epochs["default"]!.GetValue<double>());
    }

    [Fact]
    public async Task AModelFolder_IsLookedInto()
    {
        var model = await WorkerProcess.AskAsync("describe", "--model", Repository.NanoModel);

        Assert.Equal("bert", model["model_type"]!.GetValue<string>());
        Assert.Equal(192, model["hidden_size"]!.GetValue<int>());
        Assert.Equal(3_542_592, model["parameters"]!.GetValue<long>());
    }

    [Fact]
    public async Task AFolderWithoutAModel_IsRefusedWithItsNameAndWhatIsMissing()
    {
        var empty = Directory.CreateTempSubdirectory("arena-empty-").FullName;
        var ended = await WorkerProcess.RunAsync("describe", "--model", empty);
        Directory.Delete(empty);

        Assert.Equal((3, ""), (ended.ExitCode, ended.Output));
        Assert.Contains(empty, ended.Errors, StringComparison.Ordinal);
        Assert.Contains("config.json", ended.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", ended.Errors, StringComparison.Ordinal);
    }

    // To open a pipe waits for its writer: the command would never end.
    [Theory]
    [InlineData("config.json")]
    [InlineData("tokenizer.json")]
    [InlineData("tokenizer_config.json")]
    [InlineData("model.safetensors")]
    [InlineData("README.md")]
    public async Task AFolderWithAPipeInPlaceOfAFile_IsRefused(string name)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Pipes with a name are made by mkfifo.");
        var folder = Directory.CreateTempSubdirectory("arena-pipe-").FullName;
        foreach (var file in Directory.EnumerateFiles(Repository.NanoModel)) File.CreateSymbolicLink(Path.Join(folder, Path.GetFileName(file)), file);
        File.Delete(Path.Join(folder, name));
        using var make = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("mkfifo", [Path.Join(folder, name)]))!;
        await make.WaitForExitAsync(TestContext.Current.CancellationToken);

        var ended = await WorkerProcess.RunAsync("describe", "--model", folder);
        Directory.Delete(folder, recursive: true);

        Assert.Equal((3, ""), (ended.ExitCode, ended.Output));
        Assert.Contains($"{name}: this is a pipe (FIFO), not a file", ended.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("dream")]
    [InlineData("train")]
    [InlineData("describe", "--modle", "x")]
    [InlineData("predict", "@file")]
    public async Task WrongUsage_IsAnExitCodeOfItsOwn(params string[] arguments)
    {
        var ended = await WorkerProcess.RunAsync(arguments);

        Assert.Equal((2, ""), (ended.ExitCode, ended.Output));
        Assert.NotEmpty(ended.Errors);
    }
}
