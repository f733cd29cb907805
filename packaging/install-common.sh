# Sourced by the install-*-dependencies.sh scripts: installs the Debian packages that are missing, without questions.

# install_packages PACKAGE…: nothing where all are there (no network then); as root apt-get; else the line to run, exit 1.
# On another system than Debian it only says what is needed.
install_packages() {
    local missing=() package
    if ! command -v dpkg-query >/dev/null; then
        echo "Not a Debian system: what these Debian packages hold must have been installed by hand: $*" >&2
        return 0
    fi
    for package in "$@"; do
        dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    if [ ${#missing[@]} -eq 0 ]; then return 0; fi
    if [ "$(id -u)" -ne 0 ]; then
        echo "Some packages are missing. Run this as root, then try again:" >&2
        echo "  apt-get install -y --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
    echo "Installing ${missing[*]}" >&2
    export DEBIAN_FRONTEND=noninteractive
    # An index may be absent or older than the mirror: update once, when the first try fails.
    apt-get install -y --no-install-recommends "${missing[@]}" </dev/null >&2 || {
        apt-get update </dev/null >&2
        apt-get install -y --no-install-recommends "${missing[@]}" </dev/null >&2
    }
}
