#!/bin/sh
# Builds; with --if-stale only when something is new. tsc takes a second to find that nothing is, and the
# times of the files tell at once. A folder's time changes with what is added to it or removed.
built=dist/.built
if [ "$1" = --if-stale ] && [ -e "$built" ]; then
  newer=$(find ./*.ts ./*.json lib plugins routes workers scripts test -newer "$built" -print -quit)
  [ -z "$newer" ] && exit 0
fi
rm -f "$built"
tsc && touch "$built"
