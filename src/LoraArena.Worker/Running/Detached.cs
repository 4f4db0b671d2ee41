using System.Runtime.InteropServices;

namespace LoraArena.Worker.Running;

/// <summary>
/// Cuts the worker loose from the process that started it: a session of its own, so that no signal to the starter's group reaches it, and
/// its output in a file, so that no closed pipe stops it. libtorch's own last words go there too.
/// </summary>
internal static partial class Detached
{
    private const int StandardOutput = 1;
    private const int StandardError = 2;

    /// <summary>Leaves the starter's session and sends all output to the end of a file.</summary>
    public static void Begin(string logPath)
    {
        var log = new FileStream(logPath, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
        if (OperatingSystem.IsWindows())
        {
            var writer = TextWriter.Synchronized(new StreamWriter(log) { AutoFlush = true });
            Console.SetOut(writer);
            Console.SetError(writer);
            return;
        }

        _ = SetSession();
        var descriptor = log.SafeFileHandle.DangerousGetHandle().ToInt32();
        _ = Duplicate(descriptor, StandardOutput);
        _ = Duplicate(descriptor, StandardError);
    }

    [LibraryImport("libc", EntryPoint = "setsid")]
    private static partial int SetSession();

    [LibraryImport("libc", EntryPoint = "dup2")]
    private static partial int Duplicate(int from, int to);
}
