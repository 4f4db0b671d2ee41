using LoraArena.Core.Competitions;
using LoraArena.Core.Models;

namespace LoraArena.Storage.Tests;

/// <summary>Competitions and models are put into the index by whoever changes them: pages and command lines, some at the same moment.</summary>
public sealed class IndexTests
{
    private static readonly Competition Made = new("01m8ayfqxe6434tgasbhxammz1", "lmsys", DateTimeOffset.UnixEpoch, [], null);
    private static readonly ModelCard Card = new(
        "01m8ayft89fk1kcndxe7dbyvvy", "minilm", "/models/minilm", DateTimeOffset.UnixEpoch,
        new ModelInspection("bert", "encoder", 1, 1, 1, 1, 1, "F32", 1, "00", new Dictionary<string, int>()));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task OneCompetition_PutByManyAtOnce_IsThereOnce()
    {
        for (var round = 0; round < 5; round++)
        {
            await using var store = await TestStore.CreateAsync();
            await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => store.Runs.PutAsync(Made, Cancel), Cancel)));
            Assert.Equal("lmsys", Assert.Single(await store.Runs.CompetitionsAsync(Cancel)).Name);
        }
    }

    [Fact]
    public async Task OneModel_PutByManyAtOnce_IsThereOnce()
    {
        for (var round = 0; round < 5; round++)
        {
            await using var store = await TestStore.CreateAsync();
            await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => store.Runs.PutAsync(Card, Cancel), Cancel)));
            Assert.Equal("minilm", Assert.Single(await store.Runs.ModelsAsync(Cancel)).Name);
        }
    }

    [Fact]
    public async Task PuttingAgain_Updates_AndTheNameOfAnotherIsRefused()
    {
        await using var store = await TestStore.CreateAsync();
        await store.Runs.PutAsync(Made, Cancel);
        await store.Runs.PutAsync(Made with { Name = "arena", DefaultSplit = "9325123234681224" }, Cancel);

        Assert.Equal(("arena", "9325123234681224"), (await store.Runs.CompetitionAsync(Made.Id, Cancel)) is { } now ? (now.Name, now.DefaultSplit) : default);
        await Assert.ThrowsAnyAsync<Exception>(() => store.Runs.PutAsync(Made with { Id = "01m8ayfqxe6434tgasbhxammz2", Name = "arena" }, Cancel));
    }
}
