using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LoraArena.Runs.Tests.Downloads;

/// <summary>A request that the server has got.</summary>
internal sealed record Asked(string Path, string? Range, string? Authorization, string Host);

/// <summary>A server on this host that speaks Hugging Face's protocol, and misbehaves as it is told.</summary>
internal sealed class HubServer : IAsyncDisposable
{
    public const string Commit = "0123456789abcdef0123456789abcdef01234567";
    private readonly WebApplication _app;

    private HubServer(WebApplication app) => _app = app;

    /// <summary>The files; those ending in .safetensors are "large": listed with a SHA-256.</summary>
    public Dictionary<string, byte[]> Files { get; } = new(StringComparer.Ordinal);

    /// <summary>What was asked for, in order.</summary>
    public ConcurrentQueue<Asked> Requests { get; } = new();

    /// <summary>Answers instead of the server; true where it has.</summary>
    public Func<HttpContext, string, Task<bool>> Instead { get; set; } = (_, _) => Task.FromResult(false);

    /// <summary>Changes the listing before it is sent.</summary>
    public Action<List<Dictionary<string, object?>>> Listing { get; set; } = _ => { };

    /// <summary>Address of the server, with 127.0.0.1.</summary>
    public string Address => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();

    public static async Task<HubServer> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var server = new HubServer(app);
        app.Run(server.AnswerAsync);
        await app.StartAsync(TestContext.Current.CancellationToken);
        return server;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    /// <summary>Sends a file, or a part of it.</summary>
    public static async Task SendAsync(HttpContext context, byte[] content, bool ranges = true, int? breakAfter = null)
    {
        var from = ranges && context.Request.Headers.Range.ToString() is { Length: > 0 } range
            ? int.Parse(range["bytes=".Length..^1], CultureInfo.InvariantCulture)
            : 0;
        if (from > 0)
        {
            context.Response.StatusCode = StatusCodes.Status206PartialContent;
            context.Response.Headers.ContentRange = $"bytes {from}-{content.Length - 1}/{content.Length}";
        }

        context.Response.ContentLength = content.Length - from;
        if (breakAfter is { } bytes)
        {
            await context.Response.Body.WriteAsync(content.AsMemory(from, Math.Min(bytes, content.Length - from)));
            await context.Response.Body.FlushAsync();
            context.Abort();
            return;
        }

        await context.Response.Body.WriteAsync(content.AsMemory(from));
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!;
        Requests.Enqueue(new Asked(path, Header("Range"), Header("Authorization"), context.Request.Host.Host));
        if (await Instead(context, path)) return;
        if (path.StartsWith("/api/models/", StringComparison.Ordinal))
        {
            var siblings = Files.Select(Sibling).ToList();
            Listing(siblings);
            await context.Response.WriteAsync(JsonSerializer.Serialize(new
            {
                id = "someone/tiny",
                sha = Commit,
                siblings,
                tags = new[] { "license:apache-2.0" },
            }));
        }
        else if (Files.TryGetValue(path[(path.LastIndexOf('/') + 1)..], out var content))
        {
            await SendAsync(context, content);
        }
        else
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
        }

        string? Header(string name) => context.Request.Headers.TryGetValue(name, out var value) ? value.ToString() : null;
    }

    private static Dictionary<string, object?> Sibling(KeyValuePair<string, byte[]> file)
    {
        var sibling = new Dictionary<string, object?> { ["rfilename"] = file.Key, ["size"] = file.Value.Length };
        if (file.Key.EndsWith(".safetensors", StringComparison.Ordinal))
        {
            sibling["lfs"] = new { sha256 = Convert.ToHexStringLower(SHA256.HashData(file.Value)), size = file.Value.Length };
        }
#pragma warning disable CA5350 // Git's own name of a file.
        else sibling["blobId"] = Convert.ToHexStringLower(SHA1.HashData([.. Encoding.ASCII.GetBytes($"blob {file.Value.Length}\0"), .. file.Value]));
#pragma warning restore CA5350
        return sibling;
    }
}
