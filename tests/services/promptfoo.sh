#!/usr/bin/env bash
# The real promptfoo, from npm: promptfoo.sh install | verdicts SUITES_DIR URL
# `verdicts` runs every suite of a directory over loopback alone and prints what promptfoo says, one JSON object. URL is a server that
# answers as evaluator/tests/parity/app.rs does; the suites find it as PARITY_URL.
NAME=promptfoo
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
VERSION=promptfoo@0.123.1+node@22
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")

# promptfoo needs a newer node than most machines have; the package `node` brings one.
install() { [ -f package.json ] || echo '{"private": true}' >package.json; npm install --no-audit --no-fund ${VERSION/+/ }; }
install_once "$VERSION" install
case ${1:-} in
install) ;;
verdicts)
  export PATH="$HOME_DIR/node_modules/node/bin:$PATH" PARITY_URL=$3 PARITY_WORD=word
  exec node "$here/promptfoo.mjs" "$HOME_DIR/node_modules/.bin/promptfoo" "$(realpath "$2")"
  ;;
*) die "usage: promptfoo.sh install | verdicts SUITES_DIR URL" ;;
esac
