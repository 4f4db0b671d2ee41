using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Rendering;
using Microsoft.AspNetCore.Components.Web;

namespace LoraArena.Web.Components.Errors;

/// <summary>Shows a <see cref="FailureAlert"/> in place of content that failed; trying again makes the content anew.</summary>
public sealed class FailureBoundary : ErrorBoundaryBase
{
    private string _sentence = "";

    [Inject] private Failures Failures { get; set; } = default!;

    /// <inheritdoc/>
    protected override Task OnErrorAsync(Exception exception)
    {
        _sentence = Failures.Explain(exception);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    protected override void BuildRenderTree(RenderTreeBuilder builder)
    {
        if (CurrentException is null)
        {
            builder.AddContent(0, ChildContent);
            return;
        }

        builder.OpenComponent<FailureAlert>(1);
        builder.AddComponentParameter(2, nameof(FailureAlert.Sentence), _sentence);
        builder.AddComponentParameter(3, nameof(FailureAlert.Again), EventCallback.Factory.Create(this, Recover));
        builder.CloseComponent();
    }
}
