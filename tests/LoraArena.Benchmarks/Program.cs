using System.CommandLine;
using LoraArena.Benchmarks;
using LoraArena.Benchmarks.Methods;
using LoraArena.Learning.Devices;

var steps = new Option<int>("--steps") { Description = "Steps of each side.", DefaultValueFactory = _ => 10 };
var threads = new Option<int>("--threads") { Description = "Threads of each side.", DefaultValueFactory = _ => Environment.ProcessorCount };
var alone = new Option<bool>("--alone") { Description = "Without PEFT beside it." };
var dropout = new Option<double>("--lora-dropout") { Description = "Dropout of the adapter's input, on both sides." };
var asConfigured = new Option<bool>("--model-dropout") { Description = "PEFT trains with the model's own attention dropout, as Transformers does by default." };
var variant = new Option<string>("--variant") { Description = "The method.", DefaultValueFactory = _ => "lora" };
var checkpointing = new Option<bool>("--gradient-checkpointing") { Description = "Both sides compute blocks again." };
var precision = new Option<string>("--precision") { Description = "Type of the base weights.", DefaultValueFactory = _ => "fp32" };
var compute = new Option<string>("--compute-type") { Description = "What products of nf4 and int8 weights are computed in.", DefaultValueFactory = _ => "fp32" };
compute.AcceptOnlyFromAmong("fp32", "bf16", "fp16");

var minilm = new Command("minilm", "A LoRA step of MiniLM on real battles, beside PEFT.")
{
    steps, threads, alone, dropout, asConfigured, variant, checkpointing, precision, compute,
};
minilm.SetAction(parse => StepBenchmark.Run(Workload.MiniLm(16 * (parse.GetValue(steps) + 40)), Ours(parse), Theirs(parse), parse.GetValue(steps)));

var layers = new Option<int>("--layers") { DefaultValueFactory = _ => 30 };
var width = new Option<int>("--width") { DefaultValueFactory = _ => 576 };
var tokens = new Option<int>("--tokens") { DefaultValueFactory = _ => 512 };
var batch = new Option<int>("--batch") { DefaultValueFactory = _ => 1 };
var decoder = new Command("decoder", "A LoRA step of a decoder with random weights, beside PEFT.")
{
    steps, threads, alone, dropout, asConfigured, variant, checkpointing, precision, compute, layers, width, tokens, batch,
};
decoder.SetAction(parse => StepBenchmark.Run(
    Workload.Decoder(parse.GetValue(layers), parse.GetValue(width), parse.GetValue(tokens), parse.GetValue(batch)), Ours(parse),
    Theirs(parse), parse.GetValue(steps)));

var parts = new Command("parts", "The parts of a decoder block, and the machine's peak.") { threads, width, tokens };
parts.SetAction(parse =>
{
    TorchRuntime.Load(parse.GetValue(threads));
    var heads = parse.GetValue(width) / 64;
    PartsBenchmark.Run(parse.GetValue(tokens), parse.GetValue(width), heads, heads % 3 == 0 ? heads / 3 : heads, parse.GetValue(width) * 8 / 3 / 64 * 64);
});

var many = new Option<int>("--steps") { Description = "Steps.", DefaultValueFactory = _ => 2000 };
var soak = new Command("soak", "Many steps of a small decoder: memory must not grow.") { many, threads, dropout, variant, checkpointing, precision, compute };
soak.SetAction(parse => SoakBenchmark.Run(Workload.Decoder(layers: 4, width: 128, tokens: 64, batch: 4), Ours(parse), parse.GetValue(many)));

var real = new Option<bool>("--minilm") { Description = "MiniLM on real battles instead of the random decoder." };
var memory = new Command("memory", "What a training takes above the weights, beside its forecast; one process for each figure.") { steps, threads, dropout, variant, checkpointing, precision, compute, layers, width, tokens, batch, real };
memory.SetAction(parse =>
{
    var settings = Ours(parse);
    var workload = parse.GetValue(real)
        ? Workload.MiniLm(16 * parse.GetValue(steps))
        : Workload.Decoder(parse.GetValue(layers), parse.GetValue(width), parse.GetValue(tokens), parse.GetValue(batch));
    MemoryBenchmark.Run(workload, settings, parse.GetValue(steps));
});

var megabytes = new Option<int>("--megabytes") { Description = "Size of the file.", DefaultValueFactory = _ => 200 };
var pairs = new Option<int>("--pairs") { Description = "How many times each side does it.", DefaultValueFactory = _ => 3 };
var import = new Command("import", "arena import of a large train.csv, beside Python's csv and json on the same file.") { megabytes, pairs };
import.SetAction(parse => ImportBenchmark.Run(parse.GetValue(megabytes), parse.GetValue(pairs)));

var runs = new Option<int>("--runs") { Description = "How many runs, one after the other.", DefaultValueFactory = _ => 3 };
var start = new Command("start", "A run of MiniLM from the start of its process to its first step.") { runs };
start.SetAction(parse => StartBenchmark.Run(parse.GetValue(runs)));

var root = new RootCommand("What training and import cost, beside their peers and against the machine's peak. See docs/benchmarks.md.")
{
    minilm, decoder, parts, soak, memory, import, start,
};
foreach (var command in MethodsCommand.Create()) root.Add(command);
return root.Parse(args).Invoke();

Settings Ours(ParseResult parse)
{
    TorchRuntime.Load(parse.GetValue(threads));
    return new Settings
    {
        Threads = parse.GetValue(threads),
        LoraDropout = parse.GetValue(dropout),
        Variant = parse.GetValue(variant)!,
        Checkpointing = parse.GetValue(checkpointing),
        Precision = parse.GetValue(precision)!,
        ComputeType = parse.GetValue(compute)!,
    };
}

Settings? Theirs(ParseResult parse) => parse.GetValue(alone) ? null : Ours(parse) with { AttentionDropout = parse.GetValue(asConfigured) ? null : 0 };
