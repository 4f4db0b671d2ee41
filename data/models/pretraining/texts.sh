#!/bin/sh
# Writes the texts of a pre-training into the current folder. Needs: apt install wordnet-base python3-doc
set -e
arena=${1:?usage: texts.sh ARENA-COMMAND}

for part in noun verb adj adv; do
  grep -v '^  ' /usr/share/wordnet/data.$part | sed 's/.*| *//' | awk '{printf "%s\n\n", $0}'
done > wordnet.txt

find /usr/share/doc/python3.11/html/_sources -name '*.rst.txt' ! -path '*/whatsnew/*' | sort | xargs cat \
  | sed -e 's/:[a-z:+-]*:`[~!]\{0,1\}\([^`<]*\)[^`]*`/\1/g' -e 's/``//g' -e 's/^\.\. .*//' -e 's/\*\*//g' > python.txt

# Seed 1 is the starter competition itself: it is left out.
for seed in 2 3 4 5 6 7 8 9 10 11; do
  $arena starter --out starter-$seed --seed $seed
done
