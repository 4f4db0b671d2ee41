using TorchSharp;

namespace LoraArena.Learning.Tests;

/// <summary>
/// Counts the tensors that this thread has made and not disposed. The count of the whole process would change whenever the finalizer
/// comes to what an earlier test left behind.
/// </summary>
internal static class LiveTensors
{
    public static long OfThisThread() => DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
}
