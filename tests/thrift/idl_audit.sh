#!/bin/sh
# The public face may only grow: compares thrift/*.thrift with the frozen copy of the last release,
# and checks that every supported language can still be generated without a warning.
# Usage: idl_audit.sh <thrift compiler> <directory> <baseline directory> <scratch directory>
set -eu
thrift=$1 now=$2 baseline=$3 scratch=$4

rm -rf "$scratch"
mkdir -p "$scratch"
failed=0
for old in "$baseline"/*.thrift; do
  name=$(basename "$old")
  if [ ! -f "$now/$name" ]; then
    echo "$name: gone"
    failed=1
  # The exit status tells breaking changes; warnings (for example "field added") are allowed.
  elif ! "$thrift" -Iold "$baseline" -Inew "$now" --audit "$old" "$now/$name"; then
    echo "$name: not compatible with the baseline"
    failed=1
  fi
done
for file in "$now"/*.thrift; do
  for language in cpp:moveable_types,no_skeleton,templates py js:node java:generated_annotations=suppress; do
    out=$scratch/${language%%:*}
    mkdir -p "$out"
    if ! "$thrift" -strict --gen "$language" -out "$out" "$file" >"$scratch/log" 2>&1 || [ -s "$scratch/log" ]; then
      echo "$(basename "$file"): generation for $language failed or warned:"
      cat "$scratch/log"
      failed=1
    fi
  done
done
# Every struct, field, method and enum value is documented: each such line follows a doc comment.
for file in "$now"/*.thrift; do
  awk -v file="$(basename "$file")" '
    /^ *([0-9]+: (optional )?[A-Za-z]|[A-Z_]+ = [0-9]|(struct|union|exception|enum|service) |  [A-Z][A-Za-z]* [a-z][A-Za-z]*\(1: )/ &&
      !/throws/ && !/^    [0-9]/ && !/_argument|failed_prec|in_doubt, 6/ {
      if (before !~ /\*\/ *$/) { print file ":" NR ": no documentation: " $0; bad = 1 }
    }
    { before = $0 }
    END { exit bad }' "$file" || failed=1
done
exit $failed
