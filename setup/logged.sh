#!/bin/sh
# logged.sh TITLE COMMAND [ARG...]: says what is under way, keeps the command's chatter in
# build/setup.log, and turns a failure into one line that says what to do.
set -u
title=$1
shift
mkdir -p build
echo "$title ..." >&2
"$@" >build/setup.log 2>&1 && exit 0
status=$?
if grep -qiE 'ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|NewConnectionError|NameResolutionError|ConnectTimeout|Max retries exceeded|Temporary failure in name resolution|Could not resolve' build/setup.log; then
    echo "dva: $title failed: no network, or the package registry can't be reached. Connect and run the same command again; what was finished is kept." >&2
elif grep -qi 'no space left' build/setup.log; then
    echo "dva: $title failed: the disk is full. Free some space and run the same command again." >&2
else
    tail -n 15 build/setup.log >&2
    echo "dva: $title failed (the whole output: build/setup.log)." >&2
fi
exit "$status"
