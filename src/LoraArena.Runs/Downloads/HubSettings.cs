namespace LoraArena.Runs.Downloads;

/// <summary>Where base models are downloaded from: the section <c>Hub</c> of appsettings.json.</summary>
public sealed record HubSettings
{
    /// <summary>Address of a server that speaks Hugging Face's protocol.</summary>
    public string Endpoint { get; set; } = "https://huggingface.co";

    /// <summary>Token for repositories that ask for one; sent to the endpoint alone. Null for none.</summary>
    public string? Token { get; set; }

    /// <summary>Bytes that must stay free on the disk beside what is downloaded.</summary>
    public long FreeSpaceFloor { get; set; } = 2L << 30;

    /// <summary>Time without a byte after which a connection is tried again.</summary>
    public TimeSpan StallLimit { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>Pause before a second try; it doubles with each.</summary>
    public TimeSpan RetryPause { get; set; } = TimeSpan.FromSeconds(1);
}
