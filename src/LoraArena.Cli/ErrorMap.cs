using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;
using LoraArena.Core.Trials;
using LoraArena.Data.Competitions;
using LoraArena.Data.Csv;
using LoraArena.Data.Splits;
using LoraArena.Data.Submissions;
using LoraArena.Runs;
using LoraArena.Runs.Downloads;
using LoraArena.Runs.Launching;
using LoraArena.Storage;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace LoraArena.Cli;

/// <summary>What a command says and returns when it ends by an exception.</summary>
internal static class ErrorMap
{
    /// <summary>The exit code and a sentence for stderr. Only for a bug, which no user can mend, the sentence is followed by where it happened.</summary>
    public static (int Code, string Reason) Explain(Exception error) => error switch
    {
        OperationCanceledException => (Exit.Interrupted, "Interrupted."),
        OptionException => (Exit.WrongUsage, error.Message),
        RefusedException or RunRefusedException or TrialException or DownloadException or AccountException => (Exit.Refused, error.Message),
        UnsafePathException or InvalidDataException => (Exit.Refused, error.Message),
        CompetitionException or CsvRefusedException or UploadTooLargeException or SplitException or SubmissionException => (Exit.Refused, error.Message),
        WorkerException { Refused: true } => (Exit.Refused, error.Message),
        WorkerException or JsonFileException or IOException or UnauthorizedAccessException => (Exit.Failed, error.Message),
        SqliteException or DbUpdateException { InnerException: SqliteException } =>
            (Exit.Failed, $"The arena's database cannot be used: {error.GetBaseException().Message}"),
        _ => (Exit.Failed, $"This is a bug in arena; please report it with these lines:\n{error}"),
    };
}

/// <summary>An argument that was understood and cannot be followed; the message says why.</summary>
internal sealed class RefusedException(string message) : Exception(message);
