namespace LoraArena.Worker.Running;

/// <summary>
/// Keeps the garbage collector out of libtorch's calls. TorchSharp lets go of a scalar argument before the call that reads it has returned (the 1 in
/// <c>a + b = a + 1 · b</c> among them): a collection at that moment may free it, and the sum fails or takes another number. So garbage is
/// collected between steps, and a step leaves too little for a collection of its own: the worker starts with 64 MiB of room for young objects.
/// </summary>
internal static class BetweenSteps
{
    /// <summary>Collects young garbage, at a moment when the calling thread is in no call of libtorch.</summary>
    public static void Collect() => GC.Collect(0, GCCollectionMode.Forced, blocking: true);
}
