using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using LoraArena.Core.Competitions;
using LoraArena.Core.Json;
using LoraArena.Data.Competitions;
using LoraArena.Tests.Support;

namespace LoraArena.Web.Tests;

/// <summary>
/// Uploads: all of a file is taken in or nothing, and a refusal says why. No other class uploads: these look at what lies in the arena
/// meanwhile.
/// </summary>
public sealed class UploadTests(ArenaServer server)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task AGoodFile_IsAnsweredWithItsReport()
    {
        var competition = await server.MakeCompetitionAsync("Good file");
        using var content = new ByteArrayContent([
            .. Repository.FirstRows("train.csv", 25), .. "7,a,b,\"[\"\"q\"\"]\",\"[\"\"x\"\"]\",\"[\"\"y\"\"]\",1,0,1\n"u8]);
        var answer = await server.Member.UploadAsync(competition.Id, "train.csv", content);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var report = (await answer.Content.ReadFromJsonAsync<ImportReport>(ArenaJson.Line, Cancel))!;
        Assert.Equal((FileRole.Train, 26, 25, 1), (report.Role, report.Rows, report.Accepted, report.Rejected));
        Assert.Equal(27, Assert.Single(report.Rejections).Line);
        Assert.Equal("train.csv", Assert.Single(await FilesAsync(competition)).Name);
    }

    [Fact]
    public async Task AFileThatIsThere_IsReplacedOnlyWhenAskedTo()
    {
        var competition = await server.MakeCompetitionAsync("Replaced");
        using var first = new ByteArrayContent(Repository.FirstRows("train.csv", 20));
        await server.Member.UploadAsync(competition.Id, "first.csv", first);

        using var second = new ByteArrayContent(Repository.FirstRows("train.csv", 21));
        var refused = await server.Member.UploadAsync(competition.Id, "second.csv", second);
        Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
        Assert.Contains("has training data already (first.csv, 20 rows", await SentenceAsync(refused), StringComparison.Ordinal);
        Assert.Equal("first.csv", Assert.Single(await FilesAsync(competition)).Name);

        using var again = new ByteArrayContent(Repository.FirstRows("train.csv", 21));
        Assert.Equal(HttpStatusCode.OK, (await server.Member.UploadAsync(competition.Id, "second.csv", again, replace: true)).StatusCode);
        Assert.Equal("second.csv", Assert.Single(await FilesAsync(competition)).Name);
        Assert.Equal("first.csv", Assert.Single(server.Arena.Get<CompetitionLibrary>().Get(competition.Id).Earlier).File.Name);
    }

    [Fact]
    public async Task AnUploadWithoutTheTokenOfThePage_IsRefused()
    {
        var competition = await server.MakeCompetitionAsync("No token");
        using var content = new ByteArrayContent(Repository.FirstRows("train.csv", 20));
        var answer = await server.Member.PostAsync(Visitor.UploadPath(competition.Id, "train.csv"), content);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("Load it again", await SentenceAsync(answer), StringComparison.Ordinal);
        Assert.Empty(await FilesAsync(competition));
    }

    [Fact]
    public async Task AnUploadOfAStranger_IsRefused()
    {
        var competition = await server.MakeCompetitionAsync("Of a stranger");
        using var stranger = new Visitor(server.Address);
        using var file = new ByteArrayContent(Repository.FirstRows("train.csv", 20));
        Assert.Equal(HttpStatusCode.Unauthorized, (await stranger.UploadAsync(competition.Id, "train.csv", file)).StatusCode);
        Assert.Empty(await FilesAsync(competition));
        using var again = new ByteArrayContent(Repository.FirstRows("train.csv", 20));
        Assert.Equal(HttpStatusCode.OK, (await server.Member.UploadAsync(competition.Id, "train.csv", again)).StatusCode);
    }

    [Theory]
    [InlineData("nothing", "")]
    [InlineData("other columns", "name,age\nAda,36\n")]
    [InlineData("only a header", "id,model_a,model_b,prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie\n")]
    [InlineData("a picture", "\u0089PNG\r\n\u001a\n\0\0\0\rIHDR")]
    public async Task AFileThatIsNoTrainingData_IsRefused_AndLeavesNothing(string what, string text)
    {
        var competition = await server.MakeCompetitionAsync("Refused: " + what);
        using var content = new ByteArrayContent(Encoding.Latin1.GetBytes(text));
        var before = Datasets();
        var answer = await server.Member.UploadAsync(competition.Id, "train.csv", content);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        Assert.Matches(@"^\S.{15,}\S$", (await SentenceAsync(answer)).ReplaceLineEndings(" "));
        Assert.Empty(await FilesAsync(competition));
        Assert.Equal(before, Datasets());
        Assert.Empty(UploadsOf(server));
    }

    [Theory]
    [InlineData("../../../escaped.csv", "escaped.csv")]
    [InlineData("..\\..\\escaped.csv", "escaped.csv")]
    [InlineData("/etc/escaped.csv", "escaped.csv")]
    public async Task AFileNameWithFolders_IsOnlyAName(string given, string kept)
    {
        var competition = await server.MakeCompetitionAsync("Named " + given.Replace("\\", "backslash ", StringComparison.Ordinal));
        using var content = new ByteArrayContent(Repository.FirstRows("test.csv", 12));
        Assert.Equal(HttpStatusCode.OK, (await server.Member.UploadAsync(competition.Id, given, content)).StatusCode);
        Assert.Equal(kept, Assert.Single(await FilesAsync(competition)).Name);
        Assert.Empty(Directory.EnumerateFiles(server.Arena.Folder.Root, "escaped*", SearchOption.AllDirectories));
    }

    [Theory]
    [InlineData("01m8asjby8jkhd565k8damzm9q")]
    [InlineData("../runs")]
    [InlineData("no such one")]
    public async Task ACompetitionThatIsNotThere_IsNotFound(string id)
    {
        using var content = new ByteArrayContent(Repository.FirstRows("test.csv", 3));
        Assert.Equal(HttpStatusCode.NotFound, (await server.Member.UploadAsync(id, "test.csv", content)).StatusCode);
    }

    [Fact]
    public async Task AFileLargerThanAllowed_IsRefusedBeforeItIsSent()
    {
        var competition = await server.MakeCompetitionAsync("Too large");
        using var content = new AnnouncedContent(CompetitionLibrary.DefaultMaxUploadBytes + 2, send: 0);
        var answer = await server.Member.UploadAsync(competition.Id, "train.csv", content, expectContinue: true);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
        Assert.Contains("larger", await SentenceAsync(answer), StringComparison.Ordinal);
        Assert.Empty(await FilesAsync(competition));
    }

    [Fact]
    public async Task AnUploadThatBreaksOff_LeavesNothing()
    {
        var competition = await server.MakeCompetitionAsync("Broken off");
        using var content = new AnnouncedContent(1 << 20, send: 1 << 18);
        await Assert.ThrowsAsync<HttpRequestException>(() => server.Member.UploadAsync(competition.Id, "train.csv", content));
        for (var i = 0; i < 100 && UploadsOf(server).Count > 0; i++) await Task.Delay(100, Cancel);
        Assert.Empty(UploadsOf(server));
        Assert.Empty(await FilesAsync(competition));
    }

    private static IReadOnlyList<string> UploadsOf(ArenaServer server) => [.. Directory.EnumerateFileSystemEntries(server.Arena.Folder.Uploads)];

    private int Datasets() => Directory.EnumerateDirectories(server.Arena.Folder.Datasets).Count();

    private async Task<IReadOnlyList<CompetitionFile>> FilesAsync(Competition competition)
    {
        var stored = server.Arena.Get<CompetitionLibrary>().Get(competition.Id).Files;
        Assert.Equal(stored, (await server.Arena.Store.CompetitionAsync(competition.Id, Cancel))!.Files);
        return stored;
    }

    private static async Task<string> SentenceAsync(HttpResponseMessage answer)
    {
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        return (await answer.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("detail").GetString()!;
    }

    /// <summary>A body that announces more than it sends.</summary>
    private sealed class AnnouncedContent(long announced, int send) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(new byte[send]);
            await stream.FlushAsync();
            throw new IOException("The sender broke off.");
        }

        protected override bool TryComputeLength(out long length)
        {
            length = announced;
            return true;
        }
    }
}
