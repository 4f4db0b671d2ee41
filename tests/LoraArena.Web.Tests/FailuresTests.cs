using System.Text.RegularExpressions;
using Bunit;
using LoraArena.Runs;
using LoraArena.Runs.Deletion;
using LoraArena.Tests.Support;
using LoraArena.Web.Components.Errors;
using LoraArena.Web.Components.Parts;
using Microsoft.AspNetCore.Components;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using MudBlazor;
using MudBlazor.Services;

namespace LoraArena.Web.Tests;

/// <summary>What people are told when something does not work, and that it can be tried again.</summary>
public sealed partial class FailuresTests : BunitContext
{
    public FailuresTests()
    {
        JSInterop.Mode = JSRuntimeMode.Loose;
        Services.AddMudServices();
        Services.AddScoped<Failures>();
    }

    [Fact]
    public void ContentThatFails_GivesWayToASentence_AndComesBackWhenItIsTriedAgain()
    {
        var fails = true;
        var boundary = Render<FailureBoundary>(p => p.Add(b => b.ChildContent, builder =>
        {
            if (fails) throw new SqliteException("database is locked", 5);
            builder.AddContent(0, "all is well");
        }));
        Assert.Contains("The database is in use by another process", boundary.Find("[role=alert]").TextContent, StringComparison.Ordinal);
        Assert.DoesNotContain("SQLite", boundary.Markup, StringComparison.OrdinalIgnoreCase);
        fails = false;
        boundary.Find("button").Click();
        Assert.Equal("all is well", boundary.Markup.Trim());
    }

    [Fact]
    public async Task WhatAClickAskedFor_IsTriedAgain_AndTheMessageGoesWhenItWorks()
    {
        var failures = Services.GetRequiredService<Failures>();
        var bar = Render<FailureBar>();
        var tries = 0;
        var page = Render<StateChip>(p => p.Add(c => c.State, Core.Runs.RunState.Queued)).Instance;
        Assert.False(await bar.InvokeAsync(() => failures.TryAsync(page, () => ++tries < 3 ? throw new RunRefusedException("Not yet.") : Task.CompletedTask)));
        Assert.Contains("Not yet.", bar.Find("[role=alert]").TextContent, StringComparison.Ordinal);
        bar.Find("button").Click();
        Assert.Contains("Not yet.", bar.Find("[role=alert]").TextContent, StringComparison.Ordinal);
        bar.Find("button").Click();
        Assert.Equal(3, tries);
        Assert.Empty(bar.FindAll("[role=alert]"));
    }

    [Fact]
    public void AnErrorThatNobodyForesaw_IsNamedByANumberOfTheLog_AndNotByItsText()
    {
        var sentence = Services.GetRequiredService<Failures>().Explain(new InvalidOperationException("secret"));
        Assert.Matches("the details under the number [0-9a-f]{8}", sentence);
        Assert.DoesNotContain("secret", sentence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("The run is running; stop it first.")]
    public async Task ADeletion_NamesWhatDependsOnIt_AndWaitsForTheButton(string? refusal)
    {
        Render<MudPopoverProvider>();
        var provider = Render<MudDialogProvider>();
        var plan = new DeletionPlan("run x", ["2 runs (a, b) are in it; they are deleted with it"], 3 << 20, refusal);
        var answer = provider.InvokeAsync(() => DeletionDialog.AskAsync(Services.GetRequiredService<IDialogService>(), "Delete the run?", plan));
        provider.WaitForAssertion(() => Assert.Contains("Delete run x. 3.0 MiB become free.", provider.Markup, StringComparison.Ordinal));
        Assert.Equal("2 runs (a, b) are in it; they are deleted with it.", provider.Find("[data-testid=dependents] li").TextContent);
        var buttons = provider.FindAll("button").ToDictionary(b => b.TextContent.Trim());
        Assert.Equal(refusal is not null, buttons["Delete"].HasAttribute("disabled"));
        buttons[refusal is null ? "Delete" : "Cancel"].Click();
        Assert.Equal(refusal is null, await answer);
    }

    [Fact]
    public void NoLinkLeavesThePathThatAProxyServesTheAppUnder()
    {
        var sources = Directory.EnumerateFiles(
            Path.Join(Repository.Root, "src", "LoraArena.Web", "Components"), "*.razor", SearchOption.AllDirectories).ToList();
        Assert.True(sources.Count > 20);
        Assert.All(sources, path => Assert.Empty(FromTheRoot().Matches(File.ReadAllText(path)).Select(m => $"{Path.GetFileName(path)}: {m.Value}")));
        Assert.Matches(FromTheRoot(), "<a href=\"/runs\">");
    }

    [GeneratedRegex("""(?:href|Href|action|src)="(?:@\(\$")?/[^"]*|NavigateTo\(\$?"/[^"]*|"/" \+ Assets""")]
    private static partial Regex FromTheRoot();
}
