"""Python's own way with a file of preferences, beside `arena import`.

Usage: rows.py make FROM TO BYTES   repeats the rows, each with an id and a first turn of its own, until the file is so large
       rows.py read FILE            reads every row and parses its lists; prints how many rows there are
"""
import csv
import json
import sys

csv.field_size_limit(sys.maxsize)
TEXTS = ('prompt', 'response_a', 'response_b')


def make(source, target, size):
    with open(source, newline='', encoding='utf-8') as file:
        reader = csv.DictReader(file)
        names, rows = reader.fieldnames, list(reader)
    with open(target, 'w', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        copy = 0
        while file.tell() < size:
            copy += 1
            for number, row in enumerate(rows):
                turns = json.loads(row['prompt'])
                turns[0] = f'({copy}) {turns[0]}'
                writer.writerow(row | {'id': copy * 1_000_000 + number, 'prompt': json.dumps(turns)})


def read(path):
    count = 0
    with open(path, newline='', encoding='utf-8') as file:
        for row in csv.DictReader(file):
            for name in TEXTS:
                json.loads(row[name])
            count += 1
    print(count)


if sys.argv[1] == 'make':
    make(sys.argv[2], sys.argv[3], int(sys.argv[4]))
else:
    read(sys.argv[2])
