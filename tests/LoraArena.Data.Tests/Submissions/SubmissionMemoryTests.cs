using LoraArena.Data.Submissions;

namespace LoraArena.Data.Tests.Submissions;

/// <summary>It looks at the memory of the process, so nothing else runs meanwhile.</summary>
[CollectionDefinition(nameof(SubmissionMemoryTests), DisableParallelization = true)]
[Collection(nameof(SubmissionMemoryTests))]
public sealed class SubmissionMemoryTests
{
    private const string Header = "id,winner_model_a,winner_model_b,winner_tie\n";

    [Fact]
    public void Check_TakesNoMoreMemoryForForeignIds()
    {
        using var folder = new TemporaryFolder();
        var path = folder.At("s.csv");
        using (var file = new StreamWriter(path))
        {
            file.Write(Header);
            for (var i = 0; i < 300_000; i++) file.Write(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"foreign-{i},0.2,0.3,0.5\n"));
        }

        var before = GC.GetTotalMemory(forceFullCollection: true);
        var check = new RowCheck(["1", "2"]);
        using (var csv = new Data.Csv.CsvInput(path, "s.csv"))
        {
            foreach (var record in csv.Records(TestContext.Current.CancellationToken)) check.Add(record);
            var kept = GC.GetTotalMemory(forceFullCollection: true) - before;
            Assert.True(kept < 2 << 20, $"{kept >> 10} KiB are kept of 300,000 foreign rows");
        }

        var report = check.Finish(null);
        Assert.StartsWith("300,000 ids are not among those to be predicted (line 2, id 'foreign-0'; line 3", report.Errors[0], StringComparison.Ordinal);
        Assert.Equal("2 ids are missing ('1'; '2').", report.Errors[1]);
    }
}
