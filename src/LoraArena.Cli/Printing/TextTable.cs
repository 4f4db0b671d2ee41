using Spectre.Console;

namespace LoraArena.Cli.Printing;

/// <summary>A table of plain text: columns apart by blanks, no lines, one row a line however long it is.</summary>
internal sealed class TextTable
{
    private const int AnyWidth = 100_000;
    private readonly Table _table = new Table().Border(TableBorder.None);

    /// <summary>Adds a column of text.</summary>
    public TextTable Text(string name) => Column(name, Justify.Left);

    /// <summary>Adds a column of figures.</summary>
    public TextTable Figures(string name) => Column(name, Justify.Right);

    /// <summary>Adds a row.</summary>
    public void Add(params string[] cells) => _table.AddRow(cells.Select(cell => new Text(Show.Name(cell))));

    /// <summary>Prints it.</summary>
    public void Write(TextWriter output)
    {
        // Spectre knows how wide characters are; the blanks with which it fills the last column are left out.
        using var lines = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(lines),
        });
        console.Profile.Width = AnyWidth;
        console.Write(_table);
        foreach (var line in lines.ToString().TrimEnd().Split('\n')) output.WriteLine(line.TrimEnd());
    }

    private TextTable Column(string name, Justify alignment)
    {
        _table.AddColumn(new TableColumn(new Text(name)) { Alignment = alignment, NoWrap = true, Padding = new Padding(0, 0, 2, 0) });
        return this;
    }
}
