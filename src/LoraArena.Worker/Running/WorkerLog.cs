namespace LoraArena.Worker.Running;

/// <summary>Lines for people, into log.txt where the output goes there. A disk that is too full for them must not end the run by way of its log.</summary>
internal static class WorkerLog
{
    /// <summary>Writes a line.</summary>
    public static void Write(string line) => Try(() => Console.WriteLine(line));

    /// <summary>Writes what went wrong.</summary>
    public static void Error(object error) => Try(() => Console.Error.WriteLine(error));

    private static void Try(Action write)
    {
        try
        {
            write();
        }
        catch (IOException)
        {
            // Whatever filled the disk is said by the run's result, or by whoever finds none.
        }
    }
}
