#!/bin/sh
# Whether this machine has what set-up starts from; one line for each thing that is missing.
# With --python: prints the interpreter to use.
set -u

fail() {
    echo "dva: $1" >&2
    missing=1
}
missing=

python=
for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null 2>&1 &&
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done

if [ -z "$python" ]; then
    if command -v python3 >/dev/null 2>&1; then
        fail "Python 3.11 or newer is needed, this is $(python3 --version 2>&1). Try: apt-get install python3.11 python3.11-venv"
    else
        fail "Python 3.11 or newer is missing. Try: apt-get install python3 python3-venv"
    fi
elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    fail "Python's venv module is missing. Try: apt-get install $("$python" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')"
fi

if [ "${1:-}" = --python ]; then
    echo "$python"
    exit ${missing:-0}
fi

node_help="Try: apt-get install nodejs npm (Debian 13, Ubuntu 25.04 or newer; on older ones see https://nodejs.org/en/download)"
if ! command -v node >/dev/null 2>&1; then
    fail "Node.js 20 or newer is missing. $node_help"
elif [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ]; then
    fail "Node.js 20 or newer is needed, this is $(node --version). $node_help"
fi
command -v npm >/dev/null 2>&1 || fail "npm is missing. $node_help"

exit ${missing:-0}
