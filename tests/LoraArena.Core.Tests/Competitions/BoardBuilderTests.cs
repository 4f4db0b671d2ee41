using LoraArena.Core.Competitions;
using LoraArena.Core.Runs;
using LoraArena.Core.Statistics;
using LoraArena.Tests.Boards;

namespace LoraArena.Core.Tests.Competitions;

public sealed class BoardBuilderTests
{
    [Fact]
    public void SeedsOfOneMethod_AreOneLine_AndAreNamedByWhatDiffers()
    {
        var board = BoardCase.Build(
            new BoardQuery(), BoardCase.Run("a", "lora", 0), BoardCase.Run("b", "lora", 0, seed: 1),
            BoardCase.Run("c", "lora", 0.05, rank: 8), BoardCase.Run("d", "dora", -0.05), BoardCase.Run("e", "dora", -0.05, seed: 1),
            BoardCase.Run("f", "dora", -0.05, seed: 2));

        Assert.Equal(["dora", "lora", "lora r=8", "uniform"], board.Rows.Select(r => r.Name));
        Assert.Equal([3, 2, 1, 0], board.Rows.Select(r => r.Seeds));
        Assert.Equal([false, true, true, false], board.Rows.Select(r => r.IsProvisional));
        Assert.Equal([1, 2, 3, null], board.Rows.Select(r => r.Place));
        Assert.Equal(["r"], board.Differing());
    }

    // The better of the two would be chosen for its luck, and every method would be measured against that.
    [Fact]
    public void InATrial_TheNullLineIsNotTheReference_EvenWhereItIsTheBetterLora()
    {
        var board = BoardCase.Build(
            new BoardQuery { Trial = "t" }, BoardCase.Run("a", "lora", 0, trial: "LoRA"),
            BoardCase.Run("b", "lora", -0.01, seed: 1000, trial: "LoRA (other seeds)"), BoardCase.Run("c", "dora", -0.05, trial: "DoRA"));
        Assert.Equal("LoRA", board.Reference!.Name);
    }

    [Fact]
    public void WithoutAChoice_TheLoraWithMostSeedsIsTheReference_AndTheOthersAreComparedWithIt()
    {
        var board = BoardCase.Build(
            new BoardQuery(), BoardCase.Run("a", "lora", 0), BoardCase.Run("b", "lora", 0, seed: 1),
            BoardCase.Run("c", "lora", 0.00001, rank: 8), BoardCase.Run("d", "dora", -0.05), BoardCase.Run("e", "dora", -0.05, seed: 1));

        Assert.Equal("lora", board.Reference!.Name);
        Assert.Equal(2, board.Family);
        var (better, same) = (board.Rows.Single(r => r.Variant == "dora"), board.Rows.Single(r => r.Name == "lora r=8"));
        Assert.Equal((Standing.Better, Standing.CannotBeToldApart), (better.Standing, same.Standing));
        Assert.True(better.Against!.CoversSeeds);
        Assert.InRange(better.Against.Difference.Value, -0.06, -0.04);
        Assert.Equal(new RankInterval(1, 1), better.Rank);
        Assert.Equal(new RankInterval(2, 3), same.Rank);
        Assert.StartsWith("dora is better than lora by 0.05", BoardSentence.Of(board), StringComparison.Ordinal);
        Assert.Contains("adjusted for 2 comparisons; 2 seeds each), in the same time. Provisional", BoardSentence.Of(board), StringComparison.Ordinal);
    }

    [Fact]
    public void AnyLineCanBeTheReference_AndARunOfItStandsForIt()
    {
        BoardQuery by(string id) => new() { Reference = id };
        var runs = new[] { BoardCase.Run("a", "lora", 0), BoardCase.Run("d", "dora", -0.05) };
        Assert.Equal("uniform", BoardCase.Build(by("uniform"), runs).Reference!.Id);
        Assert.Equal("dora", BoardCase.Build(by("d"), runs).Reference!.Name);
        Assert.Equal("lora", BoardCase.Build(by("nowhere"), runs).Reference!.Name);
    }

    [Fact]
    public void RunsOfOtherRows_AreNotCompared_AndSaidToBeLeftOut()
    {
        var board = BoardCase.Build(new BoardQuery(), BoardCase.Run("a", "lora", 0), BoardCase.Run("old", "dora", -0.5, rows: "bb22"));
        Assert.Equal(["a"], board.ComparedRows.SelectMany(r => r.Runs).Select(r => r.Spec.Run));
        var excluded = Assert.Single(board.Excluded);
        Assert.Equal("old", excluded.Run);
        Assert.Contains("other rows or labels", excluded.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void ARunDoneTwice_CountsOnce_AsAMethod_AndTwiceAsARun()
    {
        var runs = new[] { BoardCase.Run("a", "lora", 0), BoardCase.Run("b", "lora", 0) };
        var byMethod = BoardCase.Build(new BoardQuery(), runs);
        Assert.Equal(["b"], byMethod.ComparedRows.SelectMany(r => r.Runs).Select(r => r.Spec.Run));
        Assert.Equal("a", Assert.Single(byMethod.Excluded).Run);
        Assert.Equal(2, BoardCase.Build(new BoardQuery { ByRun = true }, runs).ComparedRows.Count());
    }

    [Fact]
    public void RunsFromOtherWeightsOrData_AreNoSeedsOfOneMethod()
    {
        var one = BoardCase.Run("a", "lora", 0);
        var alone = BoardCase.Build(new BoardQuery(), one).ComparedRows.Single();
        Assert.Equal("lora", alone.Name);

        var board = BoardCase.Build(
            new BoardQuery(), one, BoardCase.Run("b", "lora", 0, seed: 1), BoardCase.Run("c", "lora", 0, weights: "0123456789"),
            BoardCase.Run("d", "lora", 0, seed: 2, data: "abcdefghij"));

        Assert.Equal(
            ["lora (weights 01234567) (train.csv d): c", "lora (weights h) (train.csv abcdefgh): d", "lora (weights h) (train.csv d): a b"],
            board.ComparedRows.Select(r => $"{r.Name}: {string.Join(' ', r.Runs.Select(run => run.Spec.Run).Order())}").Order(StringComparer.Ordinal));
        Assert.Empty(board.Excluded);
        Assert.Equal(3, board.ComparedRows.Select(r => r.Id).Distinct().Count());
        Assert.DoesNotContain(board.ComparedRows, r => r.Id == alone.Id);

        // Other weights alone do not change what a link names.
        Assert.Equal(alone.Id, BoardCase.Build(new BoardQuery(), BoardCase.Run("c", "lora", 0, weights: "0123")).ComparedRows.Single().Id);
    }

    [Fact]
    public void RunsOfATrialFromOtherData_AreNoSeedsOfOneMethod()
    {
        var board = BoardCase.Build(
            new BoardQuery { Trial = "t" }, BoardCase.Run("a", "lora", 0, trial: "LoRA"), BoardCase.Run("b", "lora", 0, seed: 1, trial: "LoRA", data: "e"));
        Assert.Equal(["LoRA (train.csv d)", "LoRA (train.csv e)"], board.ComparedRows.Select(r => r.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void OverFolds_AccuracyAndCalibrationAreWeightedByRows()
    {
        BoardPart part(int fold, BoardRun run) => new([run], [BoardCase.Baseline("uniform", 0.3, fold)]);
        BoardRun scored(string id, int fold, double accuracy, double ece, double? flips, int rows)
        {
            var run = BoardCase.Run(id, "lora", 0, fold: fold);
            return run with { Scores = run.Scores with { Accuracy = accuracy, Ece = ece, FlipRate = flips, Rows = rows } };
        }

        var row = new BoardBuilder(new BoardQuery { Fold = BoardQuery.AllFolds }, null, _ => null).Build(
            [part(0, scored("a", 0, 0.5, 0.02, 0.1, 100)), part(1, scored("b", 1, 0.9, 0.1, null, 300))]).ComparedRows.Single();
        Assert.Equal(0.8, row.Accuracy, 1e-12);
        Assert.Equal(0.08, row.Ece, 1e-12);
        Assert.Equal(0.1, row.FlipRate!.Value, 1e-12);
    }

    [Fact]
    public void Folds_AreJoined_AndAMethodWithoutAllOfThemIsLeftOut()
    {
        BoardPart part(int fold, params BoardRun[] runs) => new(runs, [BoardCase.Baseline("uniform", 0.3, fold)]);
        var board = new BoardBuilder(new BoardQuery { Fold = BoardQuery.AllFolds }, null, _ => null).Build(
        [
            part(0, BoardCase.Run("a", "lora", 0, fold: 0), BoardCase.Run("c", "dora", 0, fold: 0)),
            part(1, BoardCase.Run("b", "lora", 0, fold: 1)),
        ]);
        var row = Assert.Single(board.ComparedRows);
        Assert.Equal((600, 2, 200.0), (board.ScoredRows, row.Runs.Count, row.Seconds));
        Assert.Equal(1, row.Seeds);
        Assert.Contains("Of 2 folds only 1", Assert.Single(board.Excluded).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void TheSentence_SaysWhatTheBetterOneCosts()
    {
        var board = BoardCase.Build(
            new BoardQuery(), BoardCase.Run("a", "lora", 0, 0), BoardCase.Run("b", "lora", 0, 1),
            BoardCase.Run("c", "dora", -0.05, 0, rank: 64), BoardCase.Run("d", "dora", -0.05, 1, rank: 64));
        Assert.Contains(", in 4.00 × the time and 4.00 × the trainable parameters.", BoardSentence.Of(board), StringComparison.Ordinal);
    }

    // A budget is met layer by layer: such a setting is said in a few words.
    [Theory]
    [InlineData("rank_pattern", "\"a.query=8, a.key=8, a.value=8\"", "8 on 3 layers")]
    [InlineData("rank_pattern", "\"a.query=8, a.key=8, a.value=9\"", "8 on 2 layers and 9 on 1 layer")]
    [InlineData("rank_pattern", "\"query=4, output.dense=32\"", "query=4, output.dense=32")]
    [InlineData("rank_pattern", "\"^x(,y)$=4, b, c=1\"", "^x(,y)$=4, b, c=1")]
    [InlineData("target_modules", "\"a=1, b=1, c=1\"", "a=1, b=1, c=1")]
    public void ASettingThatNamesLayers_IsSaidShortly(string name, string value, string said)
        => Assert.Equal(said, MethodSettings.ValueText(name, value));

    [Fact]
    public void WhatEndedWithoutSuccess_StandsWithItsMethod_AndWithWhatItCost()
    {
        FailedRun[] failed =
        [
            BoardCase.Failed("x", "lora", RunMark.Diverged, seed: 2), BoardCase.Failed("y", "lora", RunMark.Diverged, seed: 3),
            BoardCase.Failed("z", "dora", RunMark.OutOfMemory, rank: 64),
            BoardCase.Failed("s", "lora", state: RunState.Stopped, seed: 4), BoardCase.Failed("n", "lora", state: RunState.Stopped, seed: 5, began: false),
        ];
        var board = BoardCase.Build(
            new BoardQuery(), failed, BoardCase.Run("a", "lora", 0), BoardCase.Run("b", "lora", 0, seed: 1),
            BoardCase.Run("c", "dora", -0.05));

        // A run that was stopped before it began has cost nothing; one that was stopped is no failure of its method.
        Assert.Equal(
            [("lora", "2 diverged, 1 stopped", 120.0), ("dora r=64", "out of memory", 40.0)],
            board.Failed.Select(f => (f.Name, f.Ends, f.Seconds!.Value)));
        Assert.Equal([("dora", 0), ("lora", 2)], board.ComparedRows.Select(r => (r.Name, r.FailedRuns)));
        Assert.Contains("2 more runs of lora failed.", BoardSentence.Of(board), StringComparison.Ordinal);
        Assert.Equal(
            ["z", "y", "x", "s"],
            BoardCase.Build(new BoardQuery { ByRun = true }, failed).Failed.Select(f => f.Runs[0].Spec.Run).OrderDescending(StringComparer.Ordinal));
        Assert.Equal("dora r=64", Assert.Single(BoardCase.Build(new BoardQuery { Filter = "dora" }, failed).Failed).Name);
    }

    [Fact]
    public void ACollapsedRun_IsRanked_AndSaidToHaveCollapsed()
    {
        var board = BoardCase.Build(new BoardQuery(), BoardCase.Run("a", "lora", 0), BoardCase.Run("d", "dora", -0.05) with { Flag = RunMark.Collapsed });
        Assert.Equal([1, 0], board.ComparedRows.Select(r => r.Collapsed));
        Assert.Contains("dora collapsed", BoardSentence.Of(board), StringComparison.Ordinal);
    }

    [Fact]
    public void TheFilter_MakesTheFamilySmaller_AndSaysWhatItHides()
    {
        var runs = new[] { BoardCase.Run("a", "lora", 0), BoardCase.Run("b", "dora", 0.01, tags: ["keep"]), BoardCase.Run("c", "rslora", 0.02), BoardCase.Run("d", "lora", 0.03, rank: 4) };
        Assert.Equal(3, BoardCase.Build(new BoardQuery(), runs).Family);
        var board = BoardCase.Build(new BoardQuery { Filter = "LORA r=4" }, runs);
        Assert.Equal((1, 3), (board.ComparedRows.Count(), board.Hidden));
        Assert.Equal("dora", Assert.Single(BoardCase.Build(new BoardQuery { Filter = "#keep" }, runs).ComparedRows).Variant);
    }

    [Fact]
    public void SomethingElseCanBeSortedBy_AndWhatHasNoValueStandsLast()
    {
        var runs = new[] { BoardCase.Run("a", "lora", 0, rank: 32), BoardCase.Run("b", "dora", 0.01, rank: 8) };
        Assert.Equal(["b", "a"], BoardCase.Build(new BoardQuery { Sort = "seconds", ByRun = true }, runs).Rows.SkipLast(1).Select(r => r.Id));
        Assert.Equal(["a", "b", "uniform"], BoardCase.Build(new BoardQuery { Sort = "seconds", Descending = true, ByRun = true }, runs).Rows.Select(r => r.Id));
    }

    [Fact]
    public void AView_ReadsBackFromItsAddress_AndNonsenseIsTheUsualView()
    {
        var query = new BoardQuery
        {
            Split = "0123456789abcdef",
            Fold = BoardQuery.AllFolds,
            Reference = "m1",
            ByRun = true,
            Filter = "r=8 #a&b",
            Trial = "t",
            Sort = "seconds",
            Descending = true,
            Columns = ["log_loss", "p"],
            Differences = true,
            Chart = "pareto",
            Cost = "memory",
            BySeconds = true,
            LogAxis = true,
            Smoothing = 12,
            Page = 3,
        };
        var parameters = query.ToQueryString()
            .TrimStart('?')
            .Split('&')
            .Select(p => p.Split('='))
            .ToDictionary(p => p[0], p => Uri.UnescapeDataString(p[1]), StringComparer.Ordinal);
        var back = BoardQuery.Parse(parameters.GetValueOrDefault);
        Assert.Equal(query.ToQueryString(), back.ToQueryString());
        Assert.Equal(query.Columns, back.Columns);
        Assert.Equal("", BoardQuery.Parse(name =>
            name switch
            {
                "sort" => "nonsense",
                "columns" => "x,y",
                "chart" => "pie",
                "fold" => "-3",
                "page" => "0",
                "smooth" => "a",
                _ => null,
            }).ToQueryString());
    }

    [Fact]
    public void Notes_HaveTagsInOrder_AndTooMuchIsRefused()
    {
        Assert.Equal(["a", "b"], RunNotes.Parse(" x ", "#B, a b").Tags);
        Assert.Throws<FormatException>(() => RunNotes.Parse(new string('x', RunNotes.MaxNoteCharacters + 1), ""));
        Assert.Throws<FormatException>(() => RunNotes.Parse("", new string('x', 31)));
    }
}
