using System.Security.Cryptography;
using Microsoft.AspNetCore.Components;

namespace LoraArena.Web.Components.Errors;

/// <summary>Something that did not work.</summary>
/// <param name="Sentence">What people are told.</param>
/// <param name="Again">Does it once more.</param>
public sealed record Failure(string Sentence, EventCallback Again);

/// <summary>
/// What went wrong on the open page: pages run what a click asks for through here, and <see cref="FailureBar"/> shows what failed and offers
/// to try again. So an error never ends a page, and what was typed into it stays.
/// </summary>
public sealed class Failures(ILogger<Failures> log)
{
    /// <summary>What is shown; null where all is well.</summary>
    public Failure? Current { get; private set; }

    /// <summary>Raised when <see cref="Current"/> changes.</summary>
    public event Action? Changed;

    /// <summary>Runs what was asked for; where it fails, says so and keeps it for another try.</summary>
    /// <param name="page">The component that asks: it is drawn again after each try.</param>
    /// <param name="action">What was asked for.</param>
    /// <returns>True if it worked.</returns>
    public async Task<bool> TryAsync(ComponentBase page, Func<Task> action)
    {
        try
        {
            Clear();
            await action();
            return true;
        }
        catch (Exception error) when (!IsGoodbye(error))
        {
            Show(new Failure(Explain(error), EventCallback.Factory.Create(page, () => TryAsync(page, action))));
            return false;
        }
    }

    /// <summary>The sentence for an error. One whose cause is not known is logged with a number that the sentence names.</summary>
    public string Explain(Exception error)
    {
        if (FailureWords.Of(error) is { } sentence)
        {
            log.LogWarning(error, "A page could not do what was asked for");
            return sentence;
        }

        var number = RandomNumberGenerator.GetHexString(8, lowercase: true);
        log.LogError(error, "A page failed, number {Number}", number);
        return $"This did not work, and the reason is not one that can be explained here. The server's log has the details under the number {number}. Nothing that was started is lost.";
    }

    /// <summary>Shows what went wrong.</summary>
    public void Show(Failure failure)
    {
        Current = failure;
        Changed?.Invoke();
    }

    /// <summary>Takes the message away.</summary>
    public void Clear()
    {
        if (Current is null) return;
        Current = null;
        Changed?.Invoke();
    }

    // The page is gone, or the work was given up: nobody is there to be told.
    private static bool IsGoodbye(Exception error) => error is OperationCanceledException or Microsoft.JSInterop.JSDisconnectedException;
}
