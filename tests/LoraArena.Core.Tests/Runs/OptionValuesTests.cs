using LoraArena.Core.Runs;

namespace LoraArena.Core.Tests.Runs;

public sealed class OptionValuesTests
{
    private static OptionDescription Option(OptionKind kind, bool optional = false)
        => new(
            "x", kind, null, kind is OptionKind.Integer or OptionKind.Number ? 1 : null,
            kind is OptionKind.Integer or OptionKind.Number ? 10 : null, kind == OptionKind.Choice ? ["a", "b"] : null, "", optional);

    [Theory]
    [InlineData(OptionKind.Integer, "8", "8")]
    [InlineData(OptionKind.Number, " 2.5 ", "2.5")]
    [InlineData(OptionKind.Number, "1e0", "1")]
    [InlineData(OptionKind.Boolean, "True", "true")]
    [InlineData(OptionKind.Choice, "b", "\"b\"")]
    [InlineData(OptionKind.Text, "q_proj,v_proj", "\"q_proj,v_proj\"")]
    public void Parse_ReadsWhatPeopleType(OptionKind kind, string text, string json)
        => Assert.Equal(json, OptionValues.Parse(Option(kind), text, "it")!.ToJsonString());

    [Theory]
    [InlineData(OptionKind.Integer, "8.5")]
    [InlineData(OptionKind.Integer, "0")]
    [InlineData(OptionKind.Integer, "11")]
    [InlineData(OptionKind.Integer, "99999999999999999999")]
    [InlineData(OptionKind.Number, "2,5")]
    [InlineData(OptionKind.Number, "NaN")]
    [InlineData(OptionKind.Number, "Infinity")]
    [InlineData(OptionKind.Number, "１")]
    [InlineData(OptionKind.Boolean, "yes")]
    [InlineData(OptionKind.Choice, "c")]
    [InlineData(OptionKind.Text, "")]
    [InlineData(OptionKind.Integer, "")]
    public void Parse_RefusesTheRest_NamingTheOption(OptionKind kind, string text)
        => Assert.Contains("'x'", Assert.Throws<OptionException>(() => OptionValues.Parse(Option(kind), text, "it")).Message, StringComparison.Ordinal);

    [Fact]
    public void Parse_TakesNothingWhereThatIsAllowed() => Assert.Null(OptionValues.Parse(Option(OptionKind.Number, optional: true), " ", "it"));
}
