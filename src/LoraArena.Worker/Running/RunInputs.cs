using LoraArena.Core.Battles;
using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Runs;
using LoraArena.Data.Competitions;
using LoraArena.Data.Import;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Packing;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Variants;
using LoraArena.Tokenizers;

namespace LoraArena.Worker.Running;

/// <summary>What a run's spec names, opened: the model on its device, the tokenizer, the rows.</summary>
internal sealed class RunInputs : IDisposable
{
    private readonly CompetitionLibrary _library;
    private readonly BattleTokenizer _tokenizer;

    private RunInputs(RunSpec spec, ComputeDevice device, CompetitionLibrary library, BattleTokenizer tokenizer, PreferenceModel model)
    {
        (Spec, Device, _library, _tokenizer, Model) = (spec, device, library, tokenizer, model);
        Packer = new BattlePacker(tokenizer.Template, Math.Min(spec.Training.MaxLength, model.Config.MaxPositions));
    }

    /// <summary>The spec.</summary>
    public RunSpec Spec { get; }

    /// <summary>The device.</summary>
    public ComputeDevice Device { get; }

    /// <summary>The model.</summary>
    public PreferenceModel Model { get; }

    /// <summary>How battles become sequences; never longer than the model allows.</summary>
    public BattlePacker Packer { get; }

    /// <summary>Opens a run that is to be trained: the base model with a new adapter.</summary>
    public static RunInputs Open(ArenaFolder arena, RunFolder run, int threads, TimeProvider time)
    {
        var spec = RunSpec.Read(run.Spec);
        var inputs = Open(arena, spec, threads, time);
        var variant = VariantCatalog.Get(spec.Variant.Id);
        inputs.Model.Attach(variant, variant.ReadOptions(spec.Variant.Options), spec.Training.Seed);
        return inputs;
    }

    /// <summary>Opens a run that has succeeded: the base model with the trained adapter.</summary>
    /// <exception cref="RunFileException">It has not succeeded.</exception>
    public static RunInputs OpenFinished(ArenaFolder arena, RunFolder run, int threads)
    {
        if (RunFile.TryRead<RunResult>(run.Result)?.State != RunState.Succeeded) throw new RunFileException(run.Path, "the run has not succeeded, so there is no trained adapter to use");
        var inputs = Open(arena, RunSpec.Read(run.Spec), threads, TimeProvider.System);
        PeftFolder.Load(run.Adapter, inputs.Model);
        return inputs;
    }

    /// <summary>The training and validation rows of the run's split, tokenised.</summary>
    public (IReadOnlyList<TokenizedBattle> Train, IReadOnlyList<TokenizedBattle> Validation) ReadSplit()
    {
        var split = _library.ReadSplit(Spec.Competition.Id, Spec.Split.Id).Assign(Spec.Split.Fold);
        var battles = _library.ReadBattles(Spec.Data.Train, FileRole.Train).ToDictionary(b => b.Id, StringComparer.Ordinal);
        return (Tokenize(split.Train), Tokenize(split.Validation));

        IReadOnlyList<TokenizedBattle> Tokenize(IReadOnlyList<string> ids)
            => _tokenizer.Tokenize([.. ids.Select(id => battles.TryGetValue(id, out var battle) ? battle : throw new InvalidDataException($"The split names row {id}, which train.csv does not have."))]);
    }

    /// <summary>The rows of test.csv, tokenised.</summary>
    /// <exception cref="RunFileException">The competition had none when the run was made.</exception>
    public IReadOnlyList<TokenizedBattle> ReadTest()
    {
        var test = Spec.Data.Test ?? throw new RunFileException(Spec.Competition.Name, "the competition had no test.csv when this run was made; name a file of rows");
        return _tokenizer.Tokenize([.. _library.ReadBattles(test, FileRole.Test)]);
    }

    /// <summary>The rows of any CSV in the form of test.csv, tokenised. A row that cannot be read is an error here, so that nothing is missing from the output.</summary>
    public IReadOnlyList<TokenizedBattle> ReadRows(string csv)
    {
        var battles = new List<Battle>();
        foreach (var row in PreferenceCsv.Read(csv, Path.GetFileName(csv), FileRole.Test))
        {
            battles.Add(row.Battle ?? throw new InvalidDataException($"{csv}, line {row.Line}, column {row.Issue?.Column}: {row.Issue?.Reason}"));
        }

        return _tokenizer.Tokenize(battles);
    }

    /// <inheritdoc/>
    public void Dispose() => Model.Dispose();

    private static RunInputs Open(ArenaFolder arena, RunSpec spec, int threads, TimeProvider time)
    {
        TorchRuntime.Load(threads);
        var device = ComputeDevice.Pick(spec.Training.Device);
        var hash = ModelInspector.Hash(spec.Model.Path);
        if (hash != spec.Model.Sha256) throw new ModelException(spec.Model.Path, "the model's files are not those that were registered; register the folder again and start a new run");
        var tokenizer = HuggingFaceTokenizer.Load(spec.Model.Path);
        var model = PreferenceModel.Load(spec.Model.Path, device.Torch, spec.Training.Seed);
        return new RunInputs(spec, device, new CompetitionLibrary(arena, time), new BattleTokenizer(tokenizer, model.Family.Kind, model.Config), model);
    }
}
