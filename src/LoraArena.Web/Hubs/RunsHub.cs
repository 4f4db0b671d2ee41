using System.Runtime.CompilerServices;
using LoraArena.Runs;
using LoraArena.Runs.Following;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.SignalR;

namespace LoraArena.Web.Hubs;

/// <summary>News of runs for programs: one stream a watched run, the newest state whenever the client is ready for it.</summary>
[Authorize]
public sealed class RunsHub(RunFeed feed, IndexSync index) : Hub
{
    /// <summary>Streams a run's progress until the client leaves or the run has ended.</summary>
    /// <param name="runId">The run's id.</param>
    /// <param name="cancel">The client left.</param>
    public async IAsyncEnumerable<RunMessage> Watch(string runId, [EnumeratorCancellation] CancellationToken cancel)
    {
        if (await index.FindRunAsync(runId, cancel) is null) throw new HubException("There is no such run.");
        await foreach (var news in feed.WatchAsync(runId, cancel))
        {
            var message = RunMessage.Of(news);
            yield return message;
            if (message.IsFinal) yield break;
        }
    }
}

/// <summary>A run's progress at one moment.</summary>
/// <param name="Run">Its id.</param>
/// <param name="Version">Number of the last journal record in it.</param>
/// <param name="State">Name of its state.</param>
/// <param name="IsFinal">True where nothing more will come.</param>
/// <param name="Phase">What the worker does.</param>
/// <param name="Attempt">Attempts begun.</param>
/// <param name="Step">Optimiser steps done.</param>
/// <param name="Steps">Optimiser steps in all; 0 while unknown.</param>
/// <param name="Loss">Loss of the last step.</param>
/// <param name="TokensPerSecond">Real tokens a second.</param>
/// <param name="SecondsLeft">Seconds of training that remain.</param>
/// <param name="ValidationLogLoss">Log loss of the last evaluation.</param>
public sealed record RunMessage(
    string Run, long Version, string State, bool IsFinal, string? Phase, int Attempt, long Step, long Steps, double? Loss,
    double? TokensPerSecond, double? SecondsLeft, double? ValidationLogLoss)
{
    /// <summary>News as a message.</summary>
    public static RunMessage Of(RunNews news)
    {
        var (run, progress) = (news.Entry, news.Progress);
        return new RunMessage(
            run.Id,
            progress.Version,
            run.State,
            Core.Runs.RunState.Parse(run.State).IsFinal,
            run.Phase ?? progress.Phase,
            run.Attempt,
            progress.LastStep?.Step ?? run.Step,
            progress.Plan?.Steps ?? run.Steps,
            progress.LastStep?.Loss,
            progress.LastStep?.TokensPerSecond,
            progress.SecondsLeft,
            progress.Evals.Count > 0 ? progress.Evals[^1].Scores.LogLoss : null);
    }
}
