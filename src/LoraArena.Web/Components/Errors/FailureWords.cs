using LoraArena.Core.Json;
using LoraArena.Core.Runs;
using LoraArena.Core.Trials;
using LoraArena.Data.Competitions;
using LoraArena.Data.Csv;
using LoraArena.Data.Splits;
using LoraArena.Runs;
using LoraArena.Runs.Launching;
using LoraArena.Storage;
using Microsoft.Data.Sqlite;

namespace LoraArena.Web.Components.Errors;

/// <summary>What people are told of an exception: a sentence that says what is wrong and what to do, never a stack trace.</summary>
public static class FailureWords
{
    private const int Busy = 5;
    private const int Locked = 6;
    private const int ReadOnly = 8;
    private const int Full = 13;

    /// <summary>ENOSPC on Linux and macOS; on Windows ERROR_DISK_FULL.</summary>
    private static readonly int DiskFull = OperatingSystem.IsWindows() ? unchecked((int)0x80070070) : 28;

    /// <summary>The sentence, or null where the cause is not known: then only the log can tell.</summary>
    public static string? Of(Exception error) => error switch
    {
        CompetitionException or RunRefusedException or WorkerException or OptionException or AccountException => error.Message,
        CsvRefusedException or SplitException or JsonFileException or TrialException => error.Message,
        SqliteException sqlite => OfDatabase(sqlite.SqliteErrorCode),
        IOException when error.HResult == DiskFull => "The server's disk is full. Make room on it, then try again.",
        UnauthorizedAccessException => "The server may not read or write one of its files; its log says which. Mend the rights, then try again.",
        _ => error.InnerException is { } inner ? Of(inner) : null,
    };

    private static string? OfDatabase(int code) => code switch
    {
        Busy or Locked => "The database is in use by another process that has not let go of it for several seconds. Nothing is lost; try again.",
        ReadOnly => "The server may not write to its database. Mend the rights of the arena's folder, then try again.",
        Full => "The server's disk is full. Make room on it, then try again.",
        _ => null,
    };
}
