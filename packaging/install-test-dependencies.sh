#!/bin/bash
# Installs what the tests need: consumers, tools, container runtimes, and a real Kafka broker (noida-db) in
# .build-tools/venv.
set -euo pipefail
cd "$(dirname "$0")"
. ./install-common.sh
noida_version=0.2.3

# `--tools-only` leaves the Debian packages alone but for the one that makes the environment.
if [ "${1:-}" = --tools-only ]; then
    install_packages python3-venv
else
    install_packages kcat python3-venv busybox-static util-linux docker.io podman fuse3 e2fsprogs tar
fi

# Of two versions of containerd the newer one.
[ "${1:-}" = --tools-only ] || ./install-containerd-next.sh

tools=$(cd .. && pwd)/.build-tools
stamp=$tools/noida-db-$noida_version
if [ -e "$stamp" ] && [ -x "$tools/venv/bin/noida-db" ]; then exit 0; fi
# An environment from an earlier version, or a half-made one, is made anew. Debian's python3: another one may lack venv.
rm -rf "$tools/venv"
mkdir -p "$tools"
/usr/bin/python3 -m venv "$tools/venv"
"$tools/venv/bin/pip" install --quiet --disable-pip-version-check --no-input "noida-db==$noida_version" </dev/null || {
    echo "noida-db $noida_version could not be installed from PyPI: the tests need it as a Kafka broker." >&2
    echo "Without a network, put its program somewhere and name it in LONGSHORE_NOIDA_DB." >&2
    exit 1
}
# The wheel's program is made executable by its script only when that runs.
chmod +x "$tools"/venv/lib/python3*/site-packages/noida_db/noida-db
touch "$stamp"
