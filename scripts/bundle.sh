#!/bin/sh
# Bundles what runs into bundle/: 1,450 files of modules are half of a start, and eight are not.
# With --if-stale only when something is new: the times of the files tell, and a folder's time changes with
# what is added to it or removed.
built=bundle/.built
if [ "$1" = --if-stale ] && [ -e "$built" ]; then
  newer=$(find ./*.ts ./*.json lib plugins routes workers scripts/bundle.sh scripts/not-bundled.txt -newer "$built" -print -quit)
  [ -z "$newer" ] && exit 0
fi
# Made beside it and moved into its place: one that starts meanwhile finds the whole of one or of the other.
made=$(mktemp -d bundle.XXXXXX) || exit
trap 'rm -rf "$made"' EXIT
touch "$made/.built"

# Outside of it stays (not-bundled.txt) what has files of its own beside its code: binaries, threads, pages. And the
# API of OpenTelemetry, that an SDK and we speak of one. sharp asks for its binary by the name of a package: inside.
# One character beyond Latin-1, in a comment of somebody's, and V8 holds the whole file at two bytes a character: so
# no comments, and escapes. Names stay, and lines stay short enough for a stack to say where it was.
# The entries lie side by side, so that each finds the others as it does among its sources.
node_modules/.bin/esbuild server.ts workers/main.ts workers/resize.ts workers/export.ts \
  --outdir="$made" --entry-names='[name]' --chunk-names='[hash]' \
  --bundle --splitting --platform=node --target=node20 --format=esm --sourcemap --sources-content=false \
  --minify-whitespace --line-limit=160 --charset=ascii --legal-comments=none \
  $(sed 's/^/--external:/' scripts/not-bundled.txt) \
  --banner:js='import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);' \
  --log-level=warning || exit
chmod 755 "$made" && rm -rf bundle && mv "$made" bundle
