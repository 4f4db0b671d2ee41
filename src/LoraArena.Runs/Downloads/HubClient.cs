using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace LoraArena.Runs.Downloads;

/// <summary>Speaks to a server that has Hugging Face's protocol: what a repository holds, and its files' bytes from any place on.</summary>
public sealed class HubClient : IDisposable
{
    private const int MaxAnswerBytes = 32 << 20;
    private readonly HubSettings _settings;
    private readonly Uri _endpoint;
    private readonly HttpClient _http;

    /// <summary>A client of the endpoint that the settings name.</summary>
    public HubClient(HubSettings settings)
    {
        _settings = settings;
        _endpoint = Uri.TryCreate(settings.Endpoint.TrimEnd('/') + "/", UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
            ? uri!
            : throw new DownloadException($"The setting Hub:Endpoint is '{settings.Endpoint}'; an http or https address is needed.");
        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = TimeSpan.FromSeconds(20),
            PooledConnectionLifetime = TimeSpan.FromMinutes(10),
            MaxAutomaticRedirections = 10,
        };
        _http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan, MaxResponseContentBufferSize = MaxAnswerBytes };
        _http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("LoraArena", "1"));
    }

    /// <summary>What a repository holds.</summary>
    /// <param name="repository">Its id; checked by the caller.</param>
    /// <param name="revision">A branch, tag or commit.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="DownloadException">It is not there, may not be read, or is no base model.</exception>
    /// <exception cref="HttpRequestException">The server cannot be reached.</exception>
    public async Task<HubListing> ListAsync(string repository, string revision, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(_settings.StallLimit);
        using var request = Request($"api/models/{repository}/revision/{Uri.EscapeDataString(revision)}?blobs=true");
        using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseContentRead, limit.Token);
        Check(response, $"{repository} at {revision}");
        try
        {
            using var json = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(limit.Token));
            return HubListing.Parse(repository, json.RootElement);
        }
        catch (JsonException)
        {
            throw new DownloadException($"The server's answer about {repository} is not JSON; is {_endpoint} a server of Hugging Face's kind?");
        }
    }

    /// <summary>Asks for a file from a place on.</summary>
    /// <returns>The response, which the caller disposes; <see cref="HttpStatusCode.OK"/> where the server sends it from the beginning all the same.</returns>
    /// <exception cref="DownloadException">It is not there or may not be read.</exception>
    /// <exception cref="HttpRequestException">The server cannot be reached, or has trouble.</exception>
    public async Task<HttpResponseMessage> GetAsync(HubListing listing, HubFile file, long from, CancellationToken cancel)
    {
        using var request = Request($"{listing.Repository}/resolve/{listing.Revision}/{Uri.EscapeDataString(file.Name)}");
        if (from > 0) request.Headers.Range = new RangeHeaderValue(from, null);
        var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel);
        try
        {
            if (response.StatusCode != HttpStatusCode.RequestedRangeNotSatisfiable) Check(response, $"{file.Name} of {listing.Repository}");
            return response;
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private HttpRequestMessage Request(string path)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, new Uri(_endpoint, path));

        // A redirection to another server takes it off again.
        if (_settings.Token is { Length: > 0 } token) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return request;
    }

    private void Check(HttpResponseMessage response, string what)
    {
        if (response.IsSuccessStatusCode) return;
        throw response.StatusCode switch
        {
            HttpStatusCode.NotFound => new DownloadException($"The server {_endpoint.Host} has no {what}."),
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => new DownloadException(_settings.Token is { Length: > 0 }
                ? $"The server {_endpoint.Host} does not give {what} to this token; its terms may have to be accepted there first."
                : $"The server {_endpoint.Host} asks for a token for {what}, or does not have it; set Hub:Token."),
            _ => new HttpRequestException($"The server {_endpoint.Host} answers {(int)response.StatusCode} to {what}.", null, response.StatusCode),
        };
    }
}
