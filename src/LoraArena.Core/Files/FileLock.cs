namespace LoraArena.Core.Files;

/// <summary>Keeps two writers of one file apart, in this process or in others: who holds the lock file open may write.</summary>
public static class FileLock
{
    private static TimeSpan Pause { get; } = TimeSpan.FromMilliseconds(20);

    /// <summary>Waits for the lock; disposing the result lets it go, and so does the end of the process.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled before the lock was free.</exception>
    public static async Task<IDisposable> TakeAsync(string path, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 1);
            }
            catch (IOException error) when (IsHeld(error))
            {
                await Task.Delay(Pause, cancellation).ConfigureAwait(false);
            }
        }
    }

    /// <summary>
    /// True for the error of a file that another opener has locked. Windows says sharing violation; elsewhere .NET locks with flock and
    /// passes on its EWOULDBLOCK, which is 11 on Linux and 35 on macOS.
    /// </summary>
    public static bool IsHeld(IOException error)
        => OperatingSystem.IsWindows() ? error.HResult == unchecked((int)0x80070020) : error.HResult == (OperatingSystem.IsMacOS() ? 35 : 11);
}
