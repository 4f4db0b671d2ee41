namespace LoraArena.Cli;

/// <summary>What a command reads from and writes to: the streams of its process, or others where a program runs commands in its own process.</summary>
internal static class Terminal
{
    private static readonly AsyncLocal<Streams?> Given = new();

    /// <summary>What is typed, or piped in.</summary>
    public static TextReader In => Given.Value?.In ?? Console.In;

    /// <summary>For the answer.</summary>
    public static TextWriter Out => Given.Value?.Out ?? Console.Out;

    /// <summary>For everything else.</summary>
    public static TextWriter Error => Given.Value?.Error ?? Console.Error;

    /// <summary>True where nobody can type.</summary>
    public static bool IsInputRedirected => Given.Value is not null || Console.IsInputRedirected;

    /// <summary>True where nobody looks at <see cref="Error"/> as it is written.</summary>
    public static bool IsErrorRedirected => Given.Value is not null || Console.IsErrorRedirected;

    /// <summary>Lets the caller, and all that it calls from now on, use other streams than the process's.</summary>
    public static void Use(TextReader input, TextWriter output, TextWriter error) => Given.Value = new Streams(input, output, error);

    private sealed record Streams(TextReader In, TextWriter Out, TextWriter Error);
}
