using LoraArena.Core.Runs;

namespace LoraArena.Core.Journal;

/// <summary>
/// What a journal amounts to: records go in one by one, the present state of the run comes out. Steps that an interrupted attempt
/// did after its last checkpoint are dropped when the next attempt resumes, so no step counts twice.
/// </summary>
public sealed class RunHistory
{
    private readonly List<StepRecord> _steps = [];
    private readonly List<EvalRecord> _evals = [];
    private readonly List<WarningRecord> _warnings = [];

    /// <summary>Number of the last record taken in.</summary>
    public long LastNumber { get; private set; }

    /// <summary>State and phase that the worker reported last; null before it reported any.</summary>
    public StateRecord? State { get; private set; }

    /// <summary>What is ahead; null until the worker knows.</summary>
    public PlanRecord? Plan { get; private set; }

    /// <summary>The last checkpoint; null before the first.</summary>
    public CheckpointRecord? Checkpoint { get; private set; }

    /// <summary>Every step, in order.</summary>
    public IReadOnlyList<StepRecord> Steps => _steps;

    /// <summary>Every evaluation, in order.</summary>
    public IReadOnlyList<EvalRecord> Evals => _evals;

    /// <summary>Every warning, in order.</summary>
    public IReadOnlyList<WarningRecord> Warnings => _warnings;

    /// <summary>The last step; null before the first.</summary>
    public StepRecord? LastStep => _steps.Count > 0 ? _steps[^1] : null;

    /// <summary>Seconds of training that remain at the pace so far; null while that is unknown.</summary>
    public double? SecondsLeft
    {
        get
        {
            if (Plan is not { } plan || LastStep is not { Step: > 0 } last) return null;
            var bySteps = plan.Steps > 0 ? last.Seconds / last.Step * Math.Max(0, plan.Steps - last.Step) : double.PositiveInfinity;
            var left = Math.Min(bySteps, Math.Max(0, (plan.MaxSeconds ?? double.PositiveInfinity) - last.Seconds));
            return double.IsFinite(left) ? left : null;
        }
    }

    /// <summary>Share of the training that is done, from 0 to 1; null while that is unknown.</summary>
    public double? Share => Plan is { } plan && LastStep is { } last
        ? Math.Min(1, Math.Max(plan.Steps > 0 ? (double)last.Step / plan.Steps : 0, last.Seconds / plan.MaxSeconds ?? 0))
        : null;

    /// <summary>Reads a whole journal.</summary>
    public static RunHistory Read(RunFolder folder)
    {
        var history = new RunHistory();
        foreach (var record in new JournalReader(folder.Journal).ReadNew()) history.Add(record);
        return history;
    }

    /// <summary>Takes in the next record.</summary>
    public void Add(JournalRecord record)
    {
        LastNumber = record.N;
        switch (record)
        {
            case StateRecord state:
                State = state;
                break;
            case PlanRecord plan:
                Plan = plan;
                break;
            case CheckpointRecord checkpoint:
                Checkpoint = checkpoint;
                break;
            case ResumeRecord resume:
                _steps.RemoveAll(s => s.Step > resume.Step);
                _evals.RemoveAll(e => e.Step > resume.Step);
                break;
            case StepRecord step:
                _steps.Add(step);
                break;
            case EvalRecord eval:
                _evals.Add(eval);
                break;
            case WarningRecord warning:
                _warnings.Add(warning);
                break;
        }
    }

    /// <summary>
    /// At most about <paramref name="maxPoints"/> steps that show the whole curve: of each stretch of steps the one with the lowest
    /// loss, the one with the highest and the last, so that no spike is lost.
    /// </summary>
    public IReadOnlyList<StepRecord> ThinnedSteps(int maxPoints)
    {
        if (_steps.Count <= maxPoints) return [.. _steps];
        var stretches = Math.Max(1, maxPoints / 3);
        var points = new List<StepRecord>(maxPoints + 3);
        for (var s = 0; s < stretches; s++)
        {
            var from = (int)((long)_steps.Count * s / stretches);
            var to = (int)((long)_steps.Count * (s + 1) / stretches);
            var (low, high) = (from, from);
            for (var i = from; i < to; i++)
            {
                if (_steps[i].Loss < _steps[low].Loss) low = i;
                if (_steps[i].Loss > _steps[high].Loss) high = i;
            }

            foreach (var i in new SortedSet<int> { low, high, to - 1 }) points.Add(_steps[i]);
        }

        return points;
    }
}
