#!/bin/sh
# A Chromium and a Firefox for the browser tests, and a PostgreSQL for the server's: from the system,
# else by apt when root on Debian, else (Chromium only) Playwright's own download. Firefox comes with a
# Vulkan in software: its WebGPU has fp16, Chromium's in software hasn't.
set -eu

on_debian_as_root() {
    [ "$(id -u)" = 0 ] && grep -q '^ID=debian' /etc/os-release 2>/dev/null
}

apt_install() {
    setup/logged.sh "Refreshing apt's list" apt-get update -q
    DEBIAN_FRONTEND=noninteractive setup/logged.sh "Installing $* by apt" \
        apt-get install -q -y --no-install-recommends "$@"
}

have_chromium() {
    [ -n "${DVA_CHROMIUM:-}" ] || command -v chromium >/dev/null 2>&1
}

have_firefox() {
    [ -n "${DVA_FIREFOX:-}" ] || command -v firefox-esr >/dev/null 2>&1 || command -v firefox >/dev/null 2>&1
}

have_vulkan() {
    [ "$(uname)" != Linux ] || ls /usr/share/vulkan/icd.d/lvp_icd.*.json >/dev/null 2>&1
}

have_postgres() {
    ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1
}

if ! have_chromium; then
    if on_debian_as_root; then
        apt_install chromium fonts-dejavu-core
    else
        setup/logged.sh "Downloading Playwright's Chromium" .venv/bin/python -m playwright install chromium
    fi
fi

if ! have_firefox || ! have_vulkan; then
    if on_debian_as_root; then
        apt_install firefox-esr mesa-vulkan-drivers libvulkan1
    else
        echo "dva: no Firefox with a software Vulkan here: tests of fp16 will say so." \
            "(apt-get install firefox-esr mesa-vulkan-drivers libvulkan1)" >&2
    fi
fi

if ! have_postgres; then
    if on_debian_as_root; then
        apt_install postgresql
    else
        echo "dva: no PostgreSQL here: the server's tests run on SQLite only. (apt-get install postgresql)" >&2
    fi
fi
