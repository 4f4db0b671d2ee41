using System.Globalization;
using System.Text;
using LoraArena.Cli;

// Numbers and dates are read and written the same on every host, and text leaves as UTF-8.
CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture;
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);

using var interruption = new Interruption();
return await ArenaCommandLine.RunAsync(args, interruption.Token);
