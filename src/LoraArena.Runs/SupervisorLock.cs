using System.Globalization;
using LoraArena.Core.Files;

namespace LoraArena.Runs;

/// <summary>Held by the one process of an arena that starts workers and writes what becomes of them. The operating system lets go of it when the process ends, however it ends.</summary>
public sealed class SupervisorLock : IDisposable
{
    private readonly FileStream _file;

    private SupervisorLock(FileStream file) => _file = file;

    /// <summary>Takes the lock; null where another process has it.</summary>
    public static SupervisorLock? TryTake(ArenaFolder folder)
    {
        try
        {
            var file = new FileStream(folder.SupervisorLock, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
            try
            {
                // The content is for people: which process has it.
                file.SetLength(0);
                file.Write(System.Text.Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture) + "\n"));
                file.Flush();
                return new SupervisorLock(file);
            }
            catch
            {
                file.Dispose();
                throw;
            }
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();
}
