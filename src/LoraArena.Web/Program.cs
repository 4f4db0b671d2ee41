using System.Globalization;
using LoraArena.Web.Setup;

// Numbers and dates are read and written the same on every host.
CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture;
CultureInfo.DefaultThreadCurrentUICulture = CultureInfo.InvariantCulture;

var root = AppRoot.Find();
var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = root, WebRootPath = "wwwroot" });
builder.WebHost.UseStaticWebAssets();
try
{
    builder.AddArena(root);
}
catch (SettingException error)
{
    await Console.Error.WriteLineAsync(error.Message);
    return 2;
}

var app = builder.Build();
app.UseArena();
await app.PrepareArenaAsync();
await app.RunAsync();
return 0;
