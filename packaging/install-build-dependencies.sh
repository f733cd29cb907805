#!/bin/bash
# Installs what building Longshore needs: the C libraries' development packages. The Swift toolchain is only checked.
set -euo pipefail
cd "$(dirname "$0")"
. ./install-common.sh

if ! command -v swift >/dev/null; then
    echo "The Swift toolchain 6.3 or later is missing: see https://www.swift.org/install/linux/ (Debian 12)." >&2
    exit 1
fi
version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
read -r major minor <<<"${version:-0 0}"
if [ "$major" -lt 6 ] || { [ "$major" -eq 6 ] && [ "$minor" -lt 3 ]; }; then
    echo "Swift $major.$minor is too old: Longshore needs 6.3 or later, see https://www.swift.org/install/linux/." >&2
    exit 1
fi
command -v dpkg-query >/dev/null || {
    echo "Not a Debian system: install librdkafka, SQLite 3, libyaml, zlib and OpenSSL with their headers by hand." >&2
    exit 1
}
install_packages pkg-config librdkafka-dev libsqlite3-dev libyaml-dev zlib1g-dev libssl-dev
