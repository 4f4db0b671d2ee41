using System.Globalization;
using LoraArena.Core.Json;

namespace LoraArena.Core.Runs;

/// <summary>
/// The files of one run: the contract between the processes that start, do, watch and resume it.
/// Whoever sees the folder can run it; nothing about a run is true that is not in here.
/// </summary>
/// <param name="path">The folder, named by the run's id.</param>
public sealed class RunFolder(string path)
{
    private const string AttemptPrefix = "attempt.";
    private const string AttemptDigits = "0000";
    private const string StepDigits = "000000";
    private const string StepPrefix = "step-";

    /// <summary>The folder.</summary>
    public string Path { get; } = System.IO.Path.GetFullPath(path);

    /// <summary>The run's id.</summary>
    public string Id => System.IO.Path.GetFileName(Path);

    /// <summary>What to do: a <see cref="RunSpec"/>.</summary>
    public string Spec => At("spec.json");

    /// <summary>What the newest attempt ran on: a <see cref="RunManifest"/>.</summary>
    public string Manifest => At("manifest.json");

    /// <summary>What happened, appended by the worker.</summary>
    public string Journal => At("journal.jsonl");

    /// <summary>App to worker: a <see cref="RunRequest"/>.</summary>
    public string Request => At("request.json");

    /// <summary>The end: a <see cref="RunResult"/>. It beats every other sign.</summary>
    public string Result => At("result.json");

    /// <summary>The losses on the validation rows and their summary: a <see cref="Metrics.LossTable"/>.</summary>
    public string Losses => At("losses.bin");

    /// <summary>What people write about the run: a <see cref="Competitions.RunNotes"/>. The only file of the folder that is the app's to change.</summary>
    public string Notes => At("notes.json");

    /// <summary>What the worker printed, all attempts.</summary>
    public string Log => At("log.txt");

    /// <summary>All checkpoints.</summary>
    public string Checkpoints => At("checkpoints");

    /// <summary>The finished adapter, in PEFT's form.</summary>
    public string Adapter => At("adapter");

    /// <summary>Per-row probabilities on the validation rows.</summary>
    public string ValidationPredictions => At("predictions/validation.csv");

    /// <summary>Per-row probabilities on test.csv.</summary>
    public string TestPredictions => At("predictions/test.csv");

    /// <summary>The submission made of <see cref="TestPredictions"/>.</summary>
    public string Submission => At("predictions/submission.csv");

    /// <summary>What the check of <see cref="Submission"/> found, and which files it was made for.</summary>
    public string SubmissionReport => At("predictions/submission.json");

    /// <summary>Folder of one attempt.</summary>
    public string Attempt(int attempt) => At(AttemptPrefix + attempt.ToString(AttemptDigits, CultureInfo.InvariantCulture));

    /// <summary>Lease of one attempt: a <see cref="RunLease"/>.</summary>
    public string Lease(int attempt) => System.IO.Path.Join(Attempt(attempt), "lease.json");

    /// <summary>Folder of the checkpoint after an optimiser step.</summary>
    public string Checkpoint(long step) => System.IO.Path.Join(Checkpoints, StepPrefix + step.ToString(StepDigits, CultureInfo.InvariantCulture));

    /// <summary>The highest attempt that a worker has begun; 0 where none has.</summary>
    public int LastAttempt() => Numbers(Path, AttemptPrefix, AttemptDigits).Select(n => (int)n).DefaultIfEmpty(0).Max();

    /// <summary>Steps of which there is a checkpoint folder, newest first. Whether one is whole is another question.</summary>
    public IReadOnlyList<long> CheckpointSteps() => [.. Numbers(Checkpoints, StepPrefix, StepDigits).OrderDescending()];

    /// <summary>
    /// Prepares an ended run for another attempt: its result moves into the attempt that wrote it, an old request goes.
    /// </summary>
    public void Reopen()
    {
        if (File.Exists(Result))
        {
            var attempt = AttemptOfResult();
            Directory.CreateDirectory(Attempt(attempt));
            File.Move(Result, System.IO.Path.Join(Attempt(attempt), "result.json"), overwrite: true);
        }

        File.Delete(Request);
    }

    /// <summary>Removes the checkpoints; with <paramref name="keepNewest"/> all but the newest.</summary>
    public void RemoveCheckpoints(bool keepNewest)
    {
        foreach (var step in CheckpointSteps().Skip(keepNewest ? 1 : 0)) Directory.Delete(Checkpoint(step), recursive: true);
        if (!keepNewest && Directory.Exists(Checkpoints)) Directory.Delete(Checkpoints, recursive: true);
    }

    // A damaged result goes to the last attempt: it must not keep the run from being resumed.
    private int AttemptOfResult()
    {
        try
        {
            return JsonFile.Read<RunResult>(Result).Attempt;
        }
        catch (JsonFileException)
        {
            return LastAttempt();
        }
    }

    private string At(string name) => System.IO.Path.Join(Path, name);

    // A folder whose name only resembles ours (step-5 for step-000005) is not ours: what is done with its number would miss it.
    private static IEnumerable<long> Numbers(string folder, string prefix, string digits)
    {
        if (!Directory.Exists(folder)) yield break;
        foreach (var entry in Directory.EnumerateDirectories(folder, prefix + "*"))
        {
            var text = System.IO.Path.GetFileName(entry)[prefix.Length..];
            if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                && number.ToString(digits, CultureInfo.InvariantCulture) == text)
            {
                yield return number;
            }
        }
    }
}
