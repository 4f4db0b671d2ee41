using Microsoft.Extensions.Logging;

namespace LoraArena.Cli.Printing;

/// <summary>Prints what the libraries log as plain sentences on stderr.</summary>
internal sealed class StderrLog : ILoggerProvider, ILogger
{
    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => this;

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        => Output.Say(exception is null ? formatter(state, exception) : $"{formatter(state, exception)}: {exception.Message}");

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
