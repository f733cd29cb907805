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
if ! command -v dpkg-query >/dev/null; then
    # Another system: what was installed by hand is found the way the build finds it.
    pkg-config --exists rdkafka sqlite3 yaml-0.1 zlib libcrypto libnghttp2 2>/dev/null && exit 0
    echo "Not a Debian system: install pkg-config, and librdkafka, SQLite 3, libyaml, zlib, OpenSSL and nghttp2" >&2
    echo "with their headers, by hand. Then try again. Still missing, by the name pkg-config knows it by:" >&2
    for library in rdkafka sqlite3 yaml-0.1 zlib libcrypto libnghttp2; do
        pkg-config --exists "$library" 2>/dev/null || echo "  $library" >&2
    done
    exit 1
fi
install_packages pkg-config librdkafka-dev libsqlite3-dev libyaml-dev zlib1g-dev libssl-dev \
    libnghttp2-dev
