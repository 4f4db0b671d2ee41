using LoraArena.Core.Files;
using Microsoft.Extensions.Time.Testing;

namespace LoraArena.Core.Tests.Files;

public sealed class SafePathTests
{
    [Theory]
    [InlineData("../x")]
    [InlineData("..\\x")]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("")]
    [InlineData("/etc/passwd")]
    [InlineData("//proc/self/root/etc/passwd")]
    [InlineData("\\\\host\\share")]
    [InlineData("C:\\windows\\win.ini")]
    [InlineData("file:///etc/passwd")]
    [InlineData("%2e%2e%2f")]
    [InlineData("a\0b")]
    [InlineData("a\nb")]
    [InlineData("-rf")]
    [InlineData("CON")]
    [InlineData("nul.txt")]
    [InlineData("LPT1")]
    [InlineData("trailing. ")]
    [InlineData("dot.")]
    public void Join_RefusesNamesThatCouldLeaveTheRoot(string name) => Assert.Throws<UnsafePathException>(() => SafePath.Join("/data", name));

    [Theory]
    [InlineData("train.csv")]
    [InlineData("Ünïcode 模型.csv")]
    [InlineData("a.b.c")]
    public void Join_TakesPlainNames(string name) => Assert.Equal("/data/" + name, SafePath.Join("/data", name));

    [Fact]
    public void Ids_AreUniqueHaveTheContractsFormAndSortByTime()
    {
        var time = new FakeTimeProvider();
        var ids = new List<string>();
        for (var i = 0; i < 500; i++)
        {
            ids.Add(ArenaId.New(time));
            time.Advance(TimeSpan.FromMilliseconds(1));
        }

        Assert.All(ids, id => Assert.Matches("^[a-z0-9]{26}$", id));
        Assert.Equal(ids.Order(StringComparer.Ordinal), ids);
        Assert.Equal(ids.Count, ids.Distinct().Count());
    }

    [Theory]
    [InlineData("../../../../../../etc/passwd1")]
    [InlineData("01ARZ3NDEKTSV4RRFFQ69G5FAV")]
    [InlineData("")]
    public void ArenaFolder_RefusesRunIdsThatItDidNotMake(string id) => Assert.Throws<UnsafePathException>(() => new ArenaFolder("/data").Run(id));
}
