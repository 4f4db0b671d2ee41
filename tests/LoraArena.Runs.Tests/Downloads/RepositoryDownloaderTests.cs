using System.Text;
using LoraArena.Core.Files;
using LoraArena.Core.Models;
using LoraArena.Runs.Downloads;
using Microsoft.AspNetCore.Http;

namespace LoraArena.Runs.Tests.Downloads;

/// <summary>Downloads from a server on this host that cuts, stalls, lies and redirects.</summary>
public sealed class RepositoryDownloaderTests : IAsyncLifetime
{
    private const string Repository = "someone/tiny";
    private const string Weights = "model.safetensors";
    private readonly string _root = Directory.CreateTempSubdirectory("loraarena-downloads-").FullName;
    private readonly List<DownloadProgress> _progress = [];
    private HubServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await HubServer.StartAsync();
        var random = new Random(5);
        _server.Files["config.json"] = Encoding.UTF8.GetBytes("""{"model_type": "bert"}""");
        _server.Files["tokenizer.json"] = Encoding.UTF8.GetBytes("{}");
        _server.Files[Weights] = new byte[3_000_000];
        random.NextBytes(_server.Files[Weights]);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        Directory.Delete(_root, recursive: true);
    }

    [Fact]
    public async Task Fetch_BringsTheFilesThatAModelNeedsAndNoOther()
    {
        foreach (var other in new[] { "pytorch_model.bin", "training_args.bin", "flax_model.msgpack", "run.py", ".gitattributes", "onnx/model.onnx", "../evil.json", "model-extra.safetensors" })
        {
            _server.Files[other] = [1, 2, 3];
        }

        var folder = await FetchAsync();

        Assert.Equal(
            ["arena_source.json", "config.json", "model.safetensors", "tokenizer.json"],
            Directory.EnumerateFileSystemEntries(folder).Select(Path.GetFileName).Order());
        foreach (var name in new[] { "config.json", "tokenizer.json", Weights }) Assert.Equal(_server.Files[name], File.ReadAllBytes(Path.Join(folder, name)));
        Assert.Equal(new ModelSource(Repository, HubServer.Commit, "apache-2.0"), ModelSource.Of(folder));
        Assert.Equal([folder], Directory.EnumerateFileSystemEntries(Path.GetDirectoryName(folder)!));
        var total = _server.Files["config.json"].Length + _server.Files["tokenizer.json"].Length + _server.Files[Weights].Length;
        Assert.Equal(total, _progress[^1].Bytes);
        Assert.All(_progress.Where(p => p.TotalBytes > 0), p => Assert.Equal(total, p.TotalBytes));
    }

    [Fact]
    public async Task Fetch_TakesShardsWithTheirIndex()
    {
        _server.Files.Remove(Weights);
        foreach (var name in new[] { "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json" })
        {
            _server.Files[name] = Encoding.UTF8.GetBytes(name);
        }

        var folder = await FetchAsync();
        Assert.Equal(6, Directory.EnumerateFiles(folder).Count());
    }

    [Fact]
    public async Task AConnectionThatEnds_IsGoneOnWhereItWas()
    {
        var cuts = 0;
        _server.Instead = async (context, path) =>
        {
            if (!path.EndsWith(Weights, StringComparison.Ordinal) || cuts == 3) return false;
            cuts++;
            await HubServer.SendAsync(context, _server.Files[Weights], breakAfter: 500_000);
            return true;
        };
        var folder = await FetchAsync();
        Assert.Equal(_server.Files[Weights], File.ReadAllBytes(Path.Join(folder, Weights)));
        var ranges = _server.Requests.Where(r => r.Path.EndsWith(Weights, StringComparison.Ordinal)).Select(r => r.Range).ToList();
        Assert.Null(ranges[0]);
        Assert.Equal(4, ranges.Count);
        Assert.All(ranges.Skip(1), range => Assert.StartsWith("bytes=", range, StringComparison.Ordinal));
    }

    [Fact]
    public async Task ADownloadThatWasStopped_GoesOnInTheNext()
    {
        using var stop = new CancellationTokenSource();
        _server.Instead = async (context, path) =>
        {
            if (!path.EndsWith(Weights, StringComparison.Ordinal)) return false;
            context.Response.ContentLength = _server.Files[Weights].Length;
            await context.Response.Body.WriteAsync(_server.Files[Weights].AsMemory(0, 1_000_000));
            await context.Response.Body.FlushAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
            return true;
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Downloader().FetchAsync(Repository, "main", p =>
        {
            if (p.Step == Weights && p.Bytes >= 1_000_000) stop.Cancel();
        }, stop.Token));

        _server.Instead = (_, _) => Task.FromResult(false);
        var folder = await FetchAsync();
        Assert.Equal(_server.Files[Weights], File.ReadAllBytes(Path.Join(folder, Weights)));
        Assert.Equal("bytes=1000000-", _server.Requests.Last(r => r.Path.EndsWith(Weights, StringComparison.Ordinal)).Range);
        Assert.Single(_server.Requests, r => r.Path.EndsWith("/config.json", StringComparison.Ordinal));
    }

    [Fact]
    public async Task AServerThatCannotGoOn_SendsAllOfItAgain()
    {
        var first = true;
        _server.Instead = async (context, path) =>
        {
            if (!path.EndsWith(Weights, StringComparison.Ordinal)) return false;
            await HubServer.SendAsync(context, _server.Files[Weights], ranges: false, breakAfter: first ? 700_000 : null);
            first = false;
            return true;
        };
        var folder = await FetchAsync();
        Assert.Equal(_server.Files[Weights], File.ReadAllBytes(Path.Join(folder, Weights)));
    }

    [Theory]
    [InlineData(Weights)]
    [InlineData("config.json")]
    public async Task DamageOnTheWay_IsSeenAndFetchedAgain(string name)
    {
        var damaged = false;
        _server.Instead = async (context, path) =>
        {
            if (damaged || !path.EndsWith(name, StringComparison.Ordinal)) return false;
            damaged = true;
            await HubServer.SendAsync(context, [.. _server.Files[name].Select((b, i) => i == 7 ? (byte)(b ^ 1) : b)]);
            return true;
        };
        var folder = await FetchAsync();
        Assert.True(damaged);
        Assert.Equal(_server.Files[name], File.ReadAllBytes(Path.Join(folder, name)));
    }

    [Theory]
    [InlineData(Weights)]
    [InlineData("config.json")]
    public async Task DamageOnTheServer_IsRefusedAndNothingIsPublished(string name)
    {
        _server.Instead = async (context, path) =>
        {
            if (!path.EndsWith(name, StringComparison.Ordinal)) return false;
            await HubServer.SendAsync(context, new byte[_server.Files[name].Length]);
            return true;
        };
        await RefusedAsync($"{name} has another checksum than the server says, twice");
        Assert.Empty(Directory.EnumerateFiles(_root, ModelSource.FileName, SearchOption.AllDirectories));
    }

    [Fact]
    public async Task AServerThatSaysNothingMore_IsGivenUpWithASentence()
    {
        var settings = new HubSettings { Endpoint = _server.Address, FreeSpaceFloor = 0, RetryPause = TimeSpan.FromMilliseconds(1) };
        _server.Instead = async (context, path) =>
        {
            // Short for the files alone: the list of files, which is asked for first, has to come however busy the machine is.
            settings.StallLimit = TimeSpan.FromMilliseconds(150);
            if (!path.EndsWith(Weights, StringComparison.Ordinal)) return false;
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
            return true;
        };
        await RefusedAsync("could not be fetched: no byte came for", settings);
    }

    [Fact]
    public async Task TheToken_IsSentToTheEndpointAndToNobodyElse()
    {
        _server.Instead = (context, path) =>
        {
            if (!path.EndsWith(Weights, StringComparison.Ordinal) || path.StartsWith("/store/", StringComparison.Ordinal)) return Task.FromResult(false);
            context.Response.Redirect(_server.Address.Replace("127.0.0.1", "localhost", StringComparison.Ordinal) + "/store/" + Weights);
            return Task.FromResult(true);
        };
        await Downloader(Settings() with { Token = "secret" }).FetchAsync(Repository, "main", _ => { }, TestContext.Current.CancellationToken);
        Assert.All(_server.Requests.Where(r => !r.Path.StartsWith("/store/", StringComparison.Ordinal)), r => Assert.Equal("Bearer secret", r.Authorization));
        var stored = Assert.Single(_server.Requests, r => r.Path.StartsWith("/store/", StringComparison.Ordinal));
        Assert.Null(stored.Authorization);
    }

    [Theory]
    [InlineData(StatusCodes.Status404NotFound, "has no someone/tiny at main")]
    [InlineData(StatusCodes.Status401Unauthorized, "asks for a token for someone/tiny at main")]
    public async Task ARepositoryThatIsNotGiven_IsSaid(int status, string says)
    {
        _server.Instead = (context, _) =>
        {
            context.Response.StatusCode = status;
            return Task.FromResult(true);
        };
        await RefusedAsync(says);
    }

    [Fact]
    public async Task ARepositoryOfPickles_IsRefused()
    {
        _server.Files.Remove(Weights);
        _server.Files["pytorch_model.bin"] = [1];
        await RefusedAsync("has pytorch_model.bin, but no model.safetensors");
    }

    [Fact]
    public async Task ARepositoryWithAnAdapter_IsRefused()
    {
        _server.Files.Remove("config.json");
        _server.Files["adapter_config.json"] = [1];
        await RefusedAsync("holds an adapter, not a model");
    }

    [Theory]
    [InlineData("../etc/passwd")]
    [InlineData("a/b/c")]
    [InlineData("/a")]
    [InlineData("")]
    [InlineData("a/..b")]
    [InlineData("http://elsewhere/a")]
    [InlineData("a/b?x=1")]
    public async Task ANameThatIsNoRepository_IsRefusedBeforeAnybodyIsAsked(string name)
    {
        var error = await Assert.ThrowsAsync<DownloadException>(() => Downloader().FetchAsync(name, "main", _ => { }, TestContext.Current.CancellationToken));
        Assert.Contains("is not a repository's id", error.Message, StringComparison.Ordinal);
        Assert.Empty(_server.Requests);
    }

    [Fact]
    public async Task AServerThatIsNotThere_IsSaid()
    {
        var error = await Assert.ThrowsAsync<DownloadException>(() =>
            Downloader(Settings() with { Endpoint = "http://127.0.0.1:9" }).FetchAsync(Repository, "main", _ => { }, TestContext.Current.CancellationToken));
        Assert.Contains("cannot be reached", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ADiskWithoutRoom_IsSaidBeforeTheFirstByte()
    {
        await RefusedAsync("must stay so", Settings() with { FreeSpaceFloor = long.MaxValue / 4 });
        Assert.Single(_server.Requests);
    }

    private HubSettings Settings() => new() { Endpoint = _server.Address, FreeSpaceFloor = 0, RetryPause = TimeSpan.FromMilliseconds(1) };

    private RepositoryDownloader Downloader(HubSettings? settings = null)
    {
        var arena = new ArenaFolder(_root);
        arena.Create();
        return new RepositoryDownloader(arena, settings ?? Settings());
    }

    private Task<string> FetchAsync() => Downloader().FetchAsync(Repository, "main", _progress.Add, TestContext.Current.CancellationToken);

    private async Task RefusedAsync(string says, HubSettings? settings = null)
    {
        var error = await Assert.ThrowsAsync<DownloadException>(() =>
            Downloader(settings).FetchAsync(Repository, "main", _ => { }, TestContext.Current.CancellationToken));
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
    }
}
