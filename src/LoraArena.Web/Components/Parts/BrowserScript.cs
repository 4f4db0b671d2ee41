using Microsoft.JSInterop;

namespace LoraArena.Web.Components.Parts;

/// <summary>
/// A script of ours in the browser, as one component uses it: loaded with the first call. Once the component is gone nothing is called any more, and
/// what a call in flight then meets (its element has been taken away) is nobody's error.
/// </summary>
/// <param name="js">The page's browser.</param>
/// <param name="address">Address of the script.</param>
internal sealed class BrowserScript(IJSRuntime js, string address)
{
    private IJSObjectReference? _module;
    private bool _isGone;

    /// <summary>Calls a function of it.</summary>
    /// <exception cref="JSException">The function failed, and the component is still there.</exception>
    public async Task CallAsync(string function, params object?[] arguments)
    {
        try
        {
            _module ??= await js.InvokeAsync<IJSObjectReference>("import", "./" + address);
            if (_isGone) await _module.DisposeAsync();
            else await _module.InvokeVoidAsync(function, arguments);
        }
        catch (Exception error) when (_isGone || error is JSDisconnectedException)
        {
            // There is nothing left to do it for.
        }
    }

    /// <summary>Calls a function of it that gives an answer. It has been called before.</summary>
    /// <exception cref="JSException">The function failed.</exception>
    /// <exception cref="JSDisconnectedException">The page is gone.</exception>
    public ValueTask<T> AskAsync<T>(string function, TimeSpan limit, params object?[] arguments) => _module!.InvokeAsync<T>(function, limit, arguments);

    /// <summary>Ends it with its component.</summary>
    /// <param name="function">A last function to call, where the script has been used; null for none.</param>
    /// <param name="arguments">Its arguments.</param>
    public async ValueTask EndAsync(string? function = null, params object?[] arguments)
    {
        _isGone = true;
        if (_module is null) return;
        try
        {
            if (function is not null) await _module.InvokeVoidAsync(function, arguments);
            await _module.DisposeAsync();
        }
        catch (Exception error) when (error is JSException or JSDisconnectedException)
        {
            // The element was gone before, or the whole page is.
        }
    }
}
