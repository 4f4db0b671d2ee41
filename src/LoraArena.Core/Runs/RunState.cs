using System.Text.Json;
using System.Text.Json.Serialization;

namespace LoraArena.Core.Runs;

/// <summary>Where a run stands. Each state knows whether it is an end and which states may follow it.</summary>
[JsonConverter(typeof(RunStateJsonConverter))]
public sealed class RunState
{
    private readonly string[] _next;

    private RunState(string name, string meaning, bool isFinal, params string[] next)
    {
        (Name, Meaning, IsFinal, _next) = (name, meaning, isFinal, next);
    }

    /// <summary>Waiting for its turn.</summary>
    public static RunState Queued { get; } = new("queued", "Waiting for its turn.", false, "starting", "stopped");

    /// <summary>A worker is being started for it.</summary>
    public static RunState Starting { get; } = new("starting", "A worker is being started.", false, "running", "interrupted", "succeeded", "failed", "stopped");

    /// <summary>A worker is running it.</summary>
    public static RunState Running { get; } = new("running", "A worker is training it.", false, "interrupted", "succeeded", "failed", "stopped");

    /// <summary>Its worker died without a result; a new attempt goes on from the last checkpoint.</summary>
    public static RunState Interrupted { get; } =
        new("interrupted", "Its worker died; it will go on from its last checkpoint.", false, "starting", "succeeded", "failed", "stopped");

    /// <summary>Done; its predictions count.</summary>
    public static RunState Succeeded { get; } = new("succeeded", "Done.", true);

    /// <summary>Ended with an error; may be resumed once the cause is gone.</summary>
    public static RunState Failed { get; } = new("failed", "Ended with an error.", true, "queued");

    /// <summary>Ended because somebody asked for it; may be resumed.</summary>
    public static RunState Stopped { get; } = new("stopped", "Stopped on request.", true, "queued");

    /// <summary>All states, in the order of a run's life.</summary>
    public static IReadOnlyList<RunState> All { get; } = [Queued, Starting, Running, Interrupted, Succeeded, Failed, Stopped];

    /// <summary>Lower-case name, as files, the database and the command line write it.</summary>
    public string Name { get; }

    /// <summary>One sentence for people.</summary>
    public string Meaning { get; }

    /// <summary>True where nothing happens any more unless somebody asks for it.</summary>
    public bool IsFinal { get; }

    /// <summary>True where a worker may be alive.</summary>
    public bool IsActive => this == Starting || this == Running;

    /// <summary>True if a run may go from this state to <paramref name="next"/>.</summary>
    public bool CanBecome(RunState next) => _next.Contains(next.Name);

    /// <summary>The state of that name.</summary>
    /// <exception cref="FormatException">There is none.</exception>
    public static RunState Parse(string name) => All.FirstOrDefault(s => s.Name == name) ?? throw new FormatException($"'{name}' is not a state of a run.");

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>Writes a state as its name.</summary>
internal sealed class RunStateJsonConverter : JsonConverter<RunState>
{
    public override RunState Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var name = reader.GetString();
        return RunState.All.FirstOrDefault(s => s.Name == name) ?? throw new JsonException($"'{name}' is not a state of a run.");
    }

    public override void Write(Utf8JsonWriter writer, RunState value, JsonSerializerOptions options) => writer.WriteStringValue(value.Name);
}
