namespace LoraArena.Runs.Launching;

/// <summary>Chooses devices for runs that leave the choice to the app.</summary>
public static class DeviceChoice
{
    private const string Gpu = "cuda:";

    /// <summary>
    /// The device for a run: of the GPUs the one with the fewest runs on it, the first of equals. A run that names its device gets that one.
    /// </summary>
    /// <param name="wanted">What the run asks for: <c>auto</c>, <c>cpu</c>, <c>cuda</c>, <c>cuda:1</c>.</param>
    /// <param name="devices">Devices of this host, best first.</param>
    /// <param name="taken">Devices that runs of this host are on, one each.</param>
    /// <returns>A device's id.</returns>
    public static string Pick(string wanted, IReadOnlyList<string> devices, IReadOnlyCollection<string> taken) => wanted switch
    {
        "auto" => devices.Where(IsGpu).MinBy(device => taken.Count(other => other == device)) ?? (devices.Count > 0 ? devices[0] : "cpu"),
        "cuda" => devices.FirstOrDefault(IsGpu) ?? wanted,
        _ => wanted,
    };

    private static bool IsGpu(string device) => device.StartsWith(Gpu, StringComparison.Ordinal);
}
