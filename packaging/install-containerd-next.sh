#!/bin/bash
# Unpacks the containerd of Debian's next stable suite into .build-tools/containerd-next, beside the installed one: the tests
# follow both. Nothing is installed, and the machine's own package lists stay as they are.
set -euo pipefail
suite=trixie
tools=$(cd "$(dirname "$0")/.." && pwd)/.build-tools
target=$tools/containerd-next
if [ -x "$target/usr/bin/containerd" ]; then exit 0; fi
if ! command -v apt-get >/dev/null; then
    echo "Not a Debian system: tests against a newer containerd say that they are left out." >&2
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists,cache}
chmod 755 "$work" "$work"/*
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $suite main" \
    >"$work/sources.list"
options=(-o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root
    -o Acquire::Languages=none)
download() {
    apt-get "${options[@]}" -qq update && cd "$work" && apt-get "${options[@]}" -qq download containerd
}
if ! download </dev/null >&2; then
    echo "containerd of Debian's $suite could not be downloaded: tests against it say that they are left out." >&2
    exit 0
fi
mkdir -p "$work/unpacked"
dpkg-deb -x "$work"/containerd_*.deb "$work/unpacked"
mkdir -p "$tools"
rm -rf "$target"
mv "$work/unpacked" "$target"
