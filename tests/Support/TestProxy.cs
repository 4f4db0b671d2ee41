using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LoraArena.Tests.Support;

/// <summary>
/// A small reverse proxy: takes TLS and a path off, and tells the app of both, and of the client, as proxies do. It speaks to the app from an
/// address of its own, so that the app can believe it and nobody else on this host.
/// </summary>
internal sealed class TestProxy : IAsyncDisposable
{
    /// <summary>The address that the app sees; all of 127.0.0.0/8 is this host's.</summary>
    public const string Address = "127.0.0.2";

    private const string Subject = "CN=arena.example";

    private readonly WebApplication _proxy;
    private readonly Uri _app;
    private readonly string _prefix;
    private readonly SocketsHttpHandler _handler;
    private readonly HttpMessageInvoker _client;

    private TestProxy(WebApplication proxy, Uri app, string prefix)
    {
        (_proxy, _app, _prefix) = (proxy, app, prefix);
        _handler = From(IPAddress.Parse(Address), new IPEndPoint(IPAddress.Loopback, app.Port));
        _client = new HttpMessageInvoker(_handler);
    }

    /// <summary>Port that it listens on.</summary>
    public int Port { get; private set; }

    /// <summary>Starts it in front of an app.</summary>
    /// <param name="app">Where the app listens.</param>
    /// <param name="prefix">Path that the app is served under, as in <c>/arena</c>.</param>
    /// <param name="tls">Whether clients speak TLS with it.</param>
    public static async Task<TestProxy> StartAsync(Uri app, string prefix, bool tls)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore();
        if (tls) builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(options =>
        {
            options.Limits.MaxRequestBodySize = null;
            options.Listen(IPAddress.Loopback, 0, listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                if (tls) listen.UseHttps(Certificate());
            });
        });
        var proxy = new TestProxy(builder.Build(), app, prefix);
        proxy._proxy.UseWebSockets();
        proxy._proxy.Run(proxy.ForwardAsync);
        await proxy._proxy.StartAsync();
        var address = proxy._proxy.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        proxy.Port = new Uri(address).Port;
        return proxy;
    }

    /// <summary>A handler whose connections all go to one place, from one address of this host, whatever name they ask for.</summary>
    public static SocketsHttpHandler From(IPAddress from, IPEndPoint to) => new()
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        SslOptions = { RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate?.Subject == Subject },
        ConnectCallback = async (_, cancel) =>
        {
            var socket = new Socket(to.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                socket.Bind(new IPEndPoint(from, 0));
                await socket.ConnectAsync(to, cancel);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    };

    public async ValueTask DisposeAsync()
    {
        await _proxy.DisposeAsync();
        _client.Dispose();
        _handler.Dispose();
    }

    private async Task ForwardAsync(HttpContext context)
    {
        if (!context.Request.Path.StartsWithSegments(_prefix, out var rest))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        var target = new Uri(_app, (rest.HasValue ? rest.ToUriComponent() : "/") + context.Request.QueryString.ToUriComponent());
        try
        {
            if (context.WebSockets.IsWebSocketRequest) await ForwardSocketAsync(context, target);
            else await ForwardRequestAsync(context, target);
        }
        catch (Exception error) when (error is HttpRequestException or IOException or OperationCanceledException or WebSocketException)
        {
            context.Abort();
        }
    }

    private IEnumerable<(string Name, string Value)> Forwarded(HttpContext context)
    {
        yield return ("X-Forwarded-For", context.Connection.RemoteIpAddress!.ToString());
        yield return ("X-Forwarded-Proto", context.Request.Scheme);
        yield return ("X-Forwarded-Host", context.Request.Host.Value!);
        yield return ("X-Forwarded-Prefix", _prefix);
    }

    private async Task ForwardRequestAsync(HttpContext context, Uri target)
    {
        using var request = new HttpRequestMessage(new HttpMethod(context.Request.Method), target);
        if (context.Request.ContentLength is not null || context.Request.Headers.TransferEncoding.Count > 0)
        {
            request.Content = new StreamContent(context.Request.Body);
        }

        foreach (var (name, values) in context.Request.Headers)
        {
            if (name is "Host" or "Connection" or "Transfer-Encoding" || name.StartsWith("X-Forwarded-", StringComparison.OrdinalIgnoreCase)) continue;
            if (!request.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values))
            {
                request.Content?.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values);
            }
        }

        foreach (var (name, value) in Forwarded(context)) request.Headers.TryAddWithoutValidation(name, value);
        using var answer = await _client.SendAsync(request, context.RequestAborted);
        context.Response.StatusCode = (int)answer.StatusCode;
        foreach (var (name, values) in answer.Headers.Concat(answer.Content.Headers))
        {
            if (name != "Transfer-Encoding") context.Response.Headers.Append(name, values.ToArray());
        }

        await answer.Content.CopyToAsync(context.Response.Body, context.RequestAborted);
    }

    private async Task ForwardSocketAsync(HttpContext context, Uri target)
    {
        using var app = new ClientWebSocket();
        foreach (var name in new[] { "Cookie", "Origin", "Accept-Language" })
        {
            if (context.Request.Headers.TryGetValue(name, out var value)) app.Options.SetRequestHeader(name, value);
        }

        foreach (var (name, value) in Forwarded(context)) app.Options.SetRequestHeader(name, value);
        var wanted = new UriBuilder(target) { Scheme = "ws" }.Uri;
        await app.ConnectAsync(wanted, _client, context.RequestAborted);
        using var client = await context.WebSockets.AcceptWebSocketAsync();
        await Task.WhenAny(PumpAsync(client, app, context.RequestAborted), PumpAsync(app, client, context.RequestAborted));
    }

    private static async Task PumpAsync(WebSocket from, WebSocket to, CancellationToken cancel)
    {
        var buffer = new byte[1 << 14];
        while (true)
        {
            var received = await from.ReceiveAsync(buffer.AsMemory(), cancel);
            if (received.MessageType == WebSocketMessageType.Close)
            {
                await to.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, cancel);
                return;
            }

            await to.SendAsync(buffer.AsMemory(0, received.Count), received.MessageType, received.EndOfMessage, cancel);
        }
    }

    private static X509Certificate2 Certificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(Subject, key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(200));
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
    }
}
