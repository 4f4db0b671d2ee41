using System.Text.Json;
using System.Text.Json.Nodes;
using LoraArena.Core.Json;
using LoraArena.Core.Runs;
using LoraArena.Learning.Options;
using LoraArena.Learning.Variants;

namespace LoraArena.Learning.Tests.Options;

/// <summary>The schema that forms, command line and validation are made of.</summary>
public sealed class OptionSchemaTests
{
    private static readonly Type[] Types = [typeof(TrainingOptions), .. VariantCatalog.All.Values.Select(v => v.OptionsType)];

    public static TheoryData<string, string> All
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var type in Types)
            {
                foreach (var option in OptionSchema.Of(type)) data.Add(type.Name, option.Name);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void EveryOption_HasHelpAndADefaultThatItAccepts(string type, string name)
    {
        var option = Option(type, name);
        Assert.EndsWith(".", option.Help, StringComparison.Ordinal);
        Assert.DoesNotContain('<', option.Help);
        if (option.Default is null) Assert.True(option.Optional);
        OptionValues.Check([option], new JsonObject { [name] = option.Default?.DeepClone() }, "it");
    }

    [Theory]
    [MemberData(nameof(All))]
    public void EveryOption_RefusesWhatIsOutsideByName(string type, string name)
    {
        var option = Option(type, name);
        JsonNode?[] wrong = option.Kind switch
        {
            OptionKind.Integer => [option.Minimum - 1, option.Maximum + 1, option.Minimum + 0.5, "1", true],
            OptionKind.Number => [option.Minimum - 1, option.Maximum + 1, "1", true],
            OptionKind.Boolean => [0, "true"],
            OptionKind.Choice => ["no such choice", 1],
            OptionKind.Text => ["", 1],
            _ => throw new InvalidOperationException("a kind that this test does not know"),
        };
        foreach (var value in option.Optional ? wrong : [.. wrong, null])
        {
            var error = Assert.Throws<OptionException>(() => OptionValues.Check([option], new JsonObject { [name] = value?.DeepClone() }, "variant x"));
            Assert.StartsWith("variant x: '" + name + "' ", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void NothingGiven_IsTheDefaults()
    {
        Assert.Equal(new TrainingOptions(), OptionSchema.Read<TrainingOptions>([], "the training"));
        Assert.Equal(new LoraOptions(), VariantCatalog.Get("lora").ReadOptions([]));
    }

    [Fact]
    public void EveryOption_IsReadIntoItsProperty()
    {
        // Each written with another value than its default, read, and written again.
        foreach (var type in Types)
        {
            var given = new JsonObject(OptionSchema.Of(type).Select(o => KeyValuePair.Create<string, JsonNode?>(o.Name, o.Kind switch
            {
                OptionKind.Integer => (long)(o.Minimum! + 1),
                OptionKind.Number => o.Minimum! + 0.25,
                OptionKind.Boolean => !o.Default!.GetValue<bool>(),
                OptionKind.Choice => o.Choices![^1],
                _ => "some text",
            })));
            var read = given.Deserialize(type, ArenaJson.Indented);
            var written = JsonSerializer.SerializeToNode(read, type, ArenaJson.Indented)!.AsObject();
            foreach (var (name, value) in given) Assert.True(JsonNode.DeepEquals(value, written[name]), $"{type.Name}.{name}: {value} became {written[name]}");
        }
    }

    [Fact]
    public void AnUnknownName_IsRefusedWithThoseThatThereAre()
    {
        var error = Assert.Throws<OptionException>(() => OptionSchema.Read<TrainingOptions>(new JsonObject { ["learning_rat"] = 1 }, "the training"));
        Assert.StartsWith("the training has no option 'learning_rat'; it has num_train_epochs, max_steps,", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheSchema_FollowsTheRecord()
    {
        var options = OptionSchema.Of(typeof(Sample));
        Assert.Equal(
            ["target_modules", "exclude_modules", "layers_to_transform", "modules_to_save", "whole_number", "some_number", "yes_or_no", "one_of"],
            options.Select(o => o.Name));
        Assert.Equal(
            [OptionKind.Text, OptionKind.Text, OptionKind.Text, OptionKind.Text, OptionKind.Integer, OptionKind.Number, OptionKind.Boolean, OptionKind.Choice],
            options.Select(o => o.Kind));
        Assert.Equal((2.0, 9.0, 3), (options[4].Minimum, options[4].Maximum, options[4].Default!.GetValue<int>()));
        Assert.True(options[5].Optional);
        Assert.Equal(["left", "right"], options[7].Choices!);
    }

    [Fact]
    public void ANumberWithoutARange_IsAMistakeOfTheRecord()
        => Assert.Contains(
            "Unbounded.Size needs a [Range]", Assert.Throws<InvalidOperationException>(() => OptionSchema.Of(typeof(Unbounded))).Message,
            StringComparison.Ordinal);

    private static OptionDescription Option(string type, string name) => OptionSchema.Of(Types.Single(t => t.Name == type)).Single(o => o.Name == name);

    private sealed record Sample : VariantOptions
    {
        [System.ComponentModel.DataAnnotations.Range(2, 9)]
        public int WholeNumber { get; init; } = 3;

        [System.ComponentModel.DataAnnotations.Range(0.0, 1.0)]
        public double? SomeNumber { get; init; }

        public bool YesOrNo { get; init; }

        [System.ComponentModel.DataAnnotations.AllowedValues("left", "right")]
        public string OneOf { get; init; } = "left";
    }

    private sealed record Unbounded : VariantOptions
    {
        public int Size { get; init; }
    }
}
