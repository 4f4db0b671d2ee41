namespace LoraArena.Learning.Models;

/// <summary>Every <see cref="ModelFamily"/> of this assembly: a new one is listed by being there.</summary>
public static class ModelCatalog
{
    /// <summary>All families, by model_type.</summary>
    public static IReadOnlyDictionary<string, ModelFamily> Families { get; } = typeof(ModelCatalog).Assembly.GetTypes()
        .Where(type => type.IsSubclassOf(typeof(ModelFamily)) && !type.IsAbstract)
        .Select(type => (ModelFamily)Activator.CreateInstance(type)!)
        .OrderBy(family => family.ModelType, StringComparer.Ordinal)
        .ToDictionary(family => family.ModelType, StringComparer.Ordinal);

    /// <summary>The family of a model folder.</summary>
    /// <exception cref="ModelException">config.json is missing or names a family that is not built.</exception>
    public static (ModelFamily Family, ModelConfig Config) Read(string folder)
    {
        var config = ConfigReader.Open(folder);
        if (!Families.TryGetValue(config.ModelType, out var family))
        {
            throw new ModelException(folder, $"model_type '{config.ModelType}' is not supported; these are: {string.Join(", ", Families.Keys)}");
        }

        QuantizedModel.RefuseConfig(config);
        var read = family.ReadConfig(config);
        return (family, read with { Labels = config.Labels(), Pooling = config.Pooling() ?? read.Pooling });
    }
}
