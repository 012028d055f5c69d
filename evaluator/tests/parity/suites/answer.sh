#!/bin/sh
# The prompt is the first argument.
case "$1" in
  fail*) echo "it failed" >&2; exit 3 ;;
  warn*) echo "a warning" >&2 ;;
  *) echo "  got: $1  " ;;
esac
