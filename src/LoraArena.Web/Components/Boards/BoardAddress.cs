using LoraArena.Core.Competitions;
using Microsoft.AspNetCore.WebUtilities;

namespace LoraArena.Web.Components.Boards;

/// <summary>Reads a view from an address.</summary>
internal static class BoardAddress
{
    /// <summary>The view that an address names.</summary>
    public static BoardQuery Read(string address)
    {
        var query = QueryHelpers.ParseQuery(new Uri(address, UriKind.RelativeOrAbsolute) is { IsAbsoluteUri: true } uri ? uri.Query : address);
        return BoardQuery.Parse(name => query.TryGetValue(name, out var value) ? value.ToString() : null);
    }

    /// <summary>True where an address names this view.</summary>
    public static bool Same(string address, BoardQuery query) => Read(address).ToQueryString() == query.ToQueryString();
}
