using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata;

namespace LoraArena.Storage.Tests;

public sealed class CompiledModelTests
{
    // Where it fails: ArenaDbDesignTime says by which command the compiled model is made again.
    [Fact]
    public async Task TheCompiledModel_IsTheOneInUse_AndThatOfTheEntities()
    {
        await using var store = TestStore.Empty();
        await using var db = await store.Databases.CreateDbContextAsync(TestContext.Current.CancellationToken);

        var built = db.GetService<IModelSource>().GetModel(db, db.GetService<ModelCreationDependencies>(), designTime: false);

        Assert.Same(CompiledModels.ArenaDbModel.Instance, db.Model);
        Assert.NotSame(built, db.Model);
        Assert.Equal(View(built), View(db.Model));

        // The view has what an entity, an index or the naming of a table may change.
        Assert.Contains("LogLossHigh (double?)", View(built), StringComparison.Ordinal);
        Assert.Contains("State, QueuedMs", View(built), StringComparison.Ordinal);
        Assert.Contains("Relational:TableName: AspNetUserLogins", View(built), StringComparison.Ordinal);
    }

    private static string View(IModel model) => model.ToDebugString(MetadataDebugStringOptions.LongDefault);
}
