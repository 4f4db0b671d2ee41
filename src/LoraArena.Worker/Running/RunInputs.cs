using LoraArena.Core.Battles;
using LoraArena.Core.Competitions;
using LoraArena.Core.Files;
using LoraArena.Core.Json;
using LoraArena.Core.Models;
using LoraArena.Core.Runs;
using LoraArena.Data.Competitions;
using LoraArena.Data.Import;
using LoraArena.Data.Submissions;
using LoraArena.Learning.Devices;
using LoraArena.Learning.Models;
using LoraArena.Learning.Packing;
using LoraArena.Learning.Peft;
using LoraArena.Learning.Training;
using LoraArena.Learning.Variants;

namespace LoraArena.Worker.Running;

/// <summary>What a run's spec names, opened: the model on its device, the tokenizer, the rows.</summary>
internal sealed class RunInputs : IDisposable
{
    private readonly CompetitionLibrary _library;
    private readonly CachedTokens _tokens;
    private BattlePacker? _packer;

    private RunInputs(RunSpec spec, ComputeDevice device, CompetitionLibrary library, CachedTokens tokens, PreferenceModel model)
        => (Spec, Device, _library, _tokens, Model) = (spec, device, library, tokens, model);

    /// <summary>The spec.</summary>
    public RunSpec Spec { get; }

    /// <summary>The device.</summary>
    public ComputeDevice Device { get; }

    /// <summary>The model.</summary>
    public PreferenceModel Model { get; }

    /// <summary>How battles become sequences; never longer than the model allows beside the adapter's virtual tokens.</summary>
    public BattlePacker Packer
        => _packer ??= new BattlePacker(
            _tokens.Template, Math.Min(Spec.Training.MaxLength, Model.Config.MaxPositions - (Model.Adapted?.VirtualTokens?.Count ?? 0)));

    /// <summary>Name of the base model for files that leave this host.</summary>
    public string BaseName => ModelSource.PublicName(Spec.Model.Path);

    /// <summary>The head that the run begins with, in words.</summary>
    public string Head => Model.HeadOrigin == HeadOrigin.Folder ? "the head is the base model's own, whose labels are the outcomes" : "the head is new";

    /// <summary>Id that fills short rows.</summary>
    public int PadTokenId => _tokens.Template.Pad;

    /// <summary>Opens a run that is to be trained: the base model with a new adapter.</summary>
    /// <param name="arena">The arena.</param>
    /// <param name="run">The run.</param>
    /// <param name="threads">Threads of an operation on the CPU.</param>
    /// <param name="autoDevice">The device where the spec leaves the choice; null takes the best there is.</param>
    /// <param name="time">The time.</param>
    public static RunInputs Open(ArenaFolder arena, RunFolder run, int threads, string? autoDevice, TimeProvider time)
    {
        var spec = RunSpec.Read(run.Spec);
        var inputs = Open(arena, spec, threads, spec.Training.Device == "auto" ? autoDevice : null, time);
        var variant = VariantCatalog.Get(spec.Variant.Id);
        inputs.Model.Attach(variant, variant.ReadOptions(spec.Variant.Options), spec.Training.Seed);
        return inputs;
    }

    /// <summary>Opens a run that has succeeded: the base model with the trained adapter.</summary>
    /// <exception cref="JsonFileException">It has not succeeded.</exception>
    public static RunInputs OpenFinished(ArenaFolder arena, RunFolder run, int threads)
    {
        if (JsonFile.TryRead<RunResult>(run.Result)?.State != RunState.Succeeded)
        {
            throw new JsonFileException(run.Path, "the run has not succeeded, so there is no trained adapter to use");
        }

        var inputs = Open(arena, RunSpec.Read(run.Spec), threads, null, TimeProvider.System);
        var variant = VariantCatalog.Get(inputs.Spec.Variant.Id);
        RunAdapter.Load(run.Adapter, inputs.Model, variant, variant.ReadOptions(inputs.Spec.Variant.Options), inputs.Spec.Training.Seed);
        return inputs;
    }

    /// <summary>The training and validation rows of the run's split, tokenised.</summary>
    public (IReadOnlyList<TokenizedBattle> Train, IReadOnlyList<TokenizedBattle> Validation) ReadSplit()
    {
        _library.VerifySource(Spec.Data.Train, FileRole.Train);
        var split = _library.ReadSplit(Spec.Competition.Id, Spec.Split.Id).Assign(Spec.Split.Fold);
        var battles = ReadFile(Spec.Data.Train, FileRole.Train).ToDictionary(b => b.Id, StringComparer.Ordinal);
        return (Rows(split.Train), Rows(split.Validation));

        IReadOnlyList<TokenizedBattle> Rows(IReadOnlyList<string> ids)
            => [.. ids.Select(id => battles.TryGetValue(id, out var battle)
                ? battle
                : throw new InvalidDataException($"The split names row {id}, which train.csv does not have."))];
    }

    /// <summary>The rows of test.csv, tokenised.</summary>
    /// <exception cref="JsonFileException">The competition had none when the run was made.</exception>
    public IReadOnlyList<TokenizedBattle> ReadTest()
    {
        var test = Spec.Data.Test ?? throw new JsonFileException(
            Spec.Competition.Name, "the competition had no test.csv when this run was made; name a file of rows");
        _library.VerifySource(test, FileRole.Test);
        return ReadFile(test, FileRole.Test);
    }

    /// <summary>Makes the run's submission of its predictions, so that nobody who looks at the run waits for it.</summary>
    /// <returns>Why there is none, or what is wrong with it; null where nothing is.</returns>
    public string? MakeSubmission(RunFolder run)
    {
        try
        {
            var made = new RunSubmission(_library).Make(_library.Get(Spec.Competition.Id), run);
            return made.Error ?? (made.Report?.Errors is [var first, ..] ? first : null);
        }
        catch (Exception error) when (error is CompetitionException or JsonFileException or IOException or UnauthorizedAccessException)
        {
            // The run has done its work all the same.
            return error.Message;
        }
    }

    /// <summary>
    /// The rows of any CSV in the form of test.csv, tokenised, and which of them were repaired. A row that cannot be read is an error here,
    /// so that nothing is missing from the output.
    /// </summary>
    public (IReadOnlyList<TokenizedBattle> Battles, IReadOnlyList<RowIssue> Repairs) ReadRows(string csv)
    {
        var battles = new List<Battle>();
        var repairs = new List<RowIssue>();
        foreach (var row in PreferenceCsv.Read(csv, Path.GetFileName(csv), FileRole.Test).Where(row => !row.IsBlank))
        {
            battles.Add(row.Battle ?? throw new InvalidDataException($"{csv}, line {row.Line}, column {row.Issue?.Column}: {row.Issue?.Reason}"));
            if (row.Repair is { } repair) repairs.Add(repair);
        }

        return (_tokens.Tokenize(battles), repairs);
    }

    /// <inheritdoc/>
    public void Dispose() => Model.Dispose();

    // Which rows a file holds depends on its bytes and on the code that reads them.
    private IReadOnlyList<TokenizedBattle> ReadFile(string sha256, FileRole role)
        => _tokens.Tokenize($"{sha256} {role} {typeof(PreferenceCsv).Module.ModuleVersionId}", () => [.. _library.ReadBattles(sha256, role)]);

    private static RunInputs Open(ArenaFolder arena, RunSpec spec, int threads, string? device, TimeProvider time)
    {
        TorchRuntime.Load(threads);
        var picked = ComputeDevice.Pick(device ?? spec.Training.Device);
        ModelFiles.RequireRegular(spec.Model.Path);
        var sums = new FileSums(Path.Join(arena.Cache, "file-sums.json"), time);
        if (!ModelInspector.Matches(spec.Model.Path, spec.Model.Sha256, sums))
        {
            throw new ModelException(spec.Model.Path, "the model's files are not those that were registered; register the folder again and start a new run");
        }

        sums.Save();
        var model = PreferenceModel.Load(
            spec.Model.Path, picked.Torch, spec.Training.Seed, PoolingOf(spec.Training.Pooling),
            BasePrecision.Of(spec.Training.BasePrecision, picked.BestType));
        var tokens = new CachedTokens(new TokenCache(arena.TokenCache), spec.Model.Path, model.Family.Kind, model.Config);
        model.TextToIds = tokens.EncodeToIds;
        return new RunInputs(spec, picked, new CompetitionLibrary(arena, time), tokens, model);
    }

    /// <summary>What the training will need of the device's memory; null where that is not known.</summary>
    public MemoryForecast? Forecast(Trainer trainer)
    {
        var variant = VariantCatalog.Get(Spec.Variant.Id);
        var options = variant.ReadOptions(Spec.Variant.Options);
        return MemoryForecaster.Of(Model, variant, options, variant.SitesOf(Model, options), trainer.TrainableParameters, Spec.Training, Device);
    }

    /// <summary>The base model once more, without an adapter; the caller disposes of it.</summary>
    public PreferenceModel LoadBase()
        => PreferenceModel.Load(Spec.Model.Path, Model.Device, Spec.Training.Seed, PoolingOf(Spec.Training.Pooling), Model.Precision);

    private static Pooling? PoolingOf(string name) => name == "auto" ? null : Enum.Parse<Pooling>(name, ignoreCase: true);
}
