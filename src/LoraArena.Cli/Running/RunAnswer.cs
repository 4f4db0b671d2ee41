using LoraArena.Cli.Printing;
using LoraArena.Core.Runs;
using LoraArena.Storage.Entities;

namespace LoraArena.Cli.Running;

/// <summary>How a run stands, as <c>run</c>, <c>watch</c>, <c>resume</c> and <c>clone</c> answer it.</summary>
/// <param name="Run">Its id.</param>
/// <param name="Name">Its name.</param>
/// <param name="State">Its state.</param>
/// <param name="Reason">Why it failed or was stopped.</param>
/// <param name="LogLoss">Log loss on the validation rows.</param>
/// <param name="Accuracy">Accuracy there.</param>
/// <param name="Ece">Expected calibration error there.</param>
/// <param name="Seconds">Seconds of training.</param>
/// <param name="TokensPerSecond">Real tokens a second of training.</param>
/// <param name="PeakMemoryBytes">Peak memory in bytes.</param>
/// <param name="TrainableParameters">Trainable parameters: adapter and head.</param>
internal sealed record RunAnswer(
    string Run,
    string Name,
    string State,
    string? Reason,
    double? LogLoss,
    double? Accuracy,
    double? Ece,
    double? Seconds,
    double? TokensPerSecond,
    long? PeakMemoryBytes,
    long? TrainableParameters)
{
    public static RunAnswer Of(RunEntry run) => new(
        run.Id, run.Name, run.State, run.Reason, run.LogLoss, run.Accuracy, run.Ece, run.Seconds, run.TokensPerSecond, run.PeakMemoryBytes,
        run.TrainableParameters);

    /// <summary>Prints it for people.</summary>
    public static void Print(TextWriter text, RunEntry run)
    {
        text.WriteLine($"Run {run.Id} ({Show.Name(run.Name)}): {run.State}");
        if (run.Reason is { } reason) text.WriteLine($"  {Show.Name(reason)}");
        if (run.State == RunState.Succeeded.Name)
        {
            var interval = run.LogLossLow is null
                ? "no interval: all rows have the same prompt"
                : $"{Show.Interval(run.LogLossLow, run.LogLossHigh)} with 95 % confidence";
            text.WriteLine($"  log loss    {Show.Metric(run.LogLoss)} ({interval})");
            text.WriteLine($"  accuracy    {Show.Metric(run.Accuracy)}");
            text.WriteLine($"  ECE         {Show.Metric(run.Ece)}");
        }

        if (run.Seconds is not null)
        {
            text.WriteLine($"  training    {Show.Seconds(run.Seconds)}, {Show.Count(run.TokensPerSecond)} tokens/s, {Show.Bytes(run.PeakMemoryBytes)} at most");
        }

        if (run.TrainableParameters is not null) text.WriteLine($"  trainable   {Show.Count(run.TrainableParameters)} parameters");
    }
}
