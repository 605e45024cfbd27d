#!/bin/sh
# python.sh LOCK_FILE: installs exactly what a lock file names into .venv, and this project in place.
set -eu
pip=".venv/bin/python -m pip install --quiet --disable-pip-version-check --retries 2"
# shellcheck disable=SC2086
setup/logged.sh "Installing the Python packages of $1" $pip --require-hashes -r "$1"
# shellcheck disable=SC2086
setup/logged.sh "Installing dva in place" $pip --no-build-isolation --no-deps --editable .
