#!/bin/bash
# calls eight tools
set -eu
work=$(mktemp -d)
printf 'b 2\na 1\nc 3\n' > "$work/in"
sort "$work/in" | awk '{ print $2 }' | sed 's/^/n=/' > "$work/out"
grep -c n= "$work/out"
echo '{"a": [1, 2]}' | jq -c .a
file -b "$work/in"
rm -r "$work"
