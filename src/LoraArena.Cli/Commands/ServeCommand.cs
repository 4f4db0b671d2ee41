using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using LoraArena.Cli.Printing;
using LoraArena.Core.Files;
using LoraArena.Runs.Launching;

namespace LoraArena.Cli.Commands;

/// <summary><c>serve</c>: runs the web app on this arena.</summary>
internal static partial class ServeCommand
{
    private const string Assembly = "LoraArena.Web.dll";
    private const int Terminate = 15;

    public static Command Create()
    {
        var urls = new Option<string?>("--urls") { Description = "Where to listen, such as http://127.0.0.1:5000.", HelpName = "U" };
        var command = new Command("serve", "Runs the web app in the foreground.") { urls };
        command.SetAction(async (parse, cancel) =>
        {
            var output = Output.Of(parse);
            var start = StartInfo(Find(), new ArenaFolder(AppFolder.Arena(parse.GetValue(GlobalOptions.Store))), parse.GetValue(urls));

            // Stdout is the answer's alone where it is to be a document.
            start.RedirectStandardOutput = output.IsJson;
            using var server = Start(start);
            server.OutputDataReceived += (_, line) => Terminal.Error.WriteLine(line.Data);
            if (output.IsJson) server.BeginOutputReadLine();
            await using var stop = cancel.Register(() => Stop(server));
            await server.WaitForExitAsync(CancellationToken.None);
            output.Answer(new { server.ExitCode }, _ => { });
            return server.ExitCode;
        });
        return command;
    }

    private static string Find()
    {
        var here = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);

        // Published: web/ beside this program, or the same folder. Built: artifacts/bin/<project>/<configuration>.
        string[] places = [
            Path.Join(here, "web", Assembly), Path.Join(here, Assembly),
            Path.Join(here, "..", "..", "LoraArena.Web", Path.GetFileName(here), Assembly)];
        return Path.GetFullPath(places.FirstOrDefault(File.Exists)
            ?? throw new FileNotFoundException($"The web app is not there: {string.Join(" or ", places.Select(Path.GetFullPath))}. Build the whole solution."));
    }

    private static ProcessStartInfo StartInfo(string web, ArenaFolder arena, string? urls)
    {
        var start = new ProcessStartInfo(WorkerProgram.Dotnet()) { UseShellExecute = false };
        start.ArgumentList.Add(web);
        if (urls is not null)
        {
            start.ArgumentList.Add("--urls");
            start.ArgumentList.Add(urls);
        }

        start.Environment["Arena__Store"] = arena.Root;
        return start;
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception error)
        {
            throw new IOException($"The web app could not be started: {error.Message}");
        }
    }

    // Ctrl+C reaches the server by itself where it shares the terminal; a signal that was sent to this process alone does not.
    private static void Stop(Process server)
    {
        if (!OperatingSystem.IsWindows() && !server.HasExited) _ = Kill(server.Id, Terminate);
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int pid, int signal);
}
