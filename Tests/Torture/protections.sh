#!/bin/bash
# Torture of builds that lack one protection each: protections.sh [NAME…], a name of Tests/Torture/Protections/NAME.patch.
# Each must fail, by losing or disordering lines, within $LONGSHORE_PROTECTION_SECONDS (600) of torture; exit 1 when one
# does not. The tests themselves are those that were built last; only the daemon is another one.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${LONGSHORE_PROTECTION_SECONDS:-600}
copy=.build-protections/source
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    for patch in Tests/Torture/Protections/*.patch; do names+=("$(basename "$patch" .patch)"); done
fi

failed=0
for name in "${names[@]}"; do
    # Copied with its times, so that only what the patch changes is built again.
    mkdir -p "$copy"
    rm -rf "$copy/Sources" "$copy/Tests"
    cp -a Package.swift Sources Tests "$copy/"
    patch --quiet -d "$copy" -p1 <"Tests/Torture/Protections/$name.patch"
    (cd "$copy" && swift build --product longshore --scratch-path ../build) >.build-protections/$name.build.log 2>&1 || {
        tail -n 20 ".build-protections/$name.build.log"
        echo "protections: the daemon without $name could not be built"
        exit 1
    }
    log=.build-protections/$name.log
    start=$(date +%s)
    status=0
    # Many short rounds: how far a round gets is a matter of chance.
    LONGSHORE_BINARY=$PWD/.build-protections/build/debug/longshore LONGSHORE_TORTURE_SECONDS=$seconds \
        LONGSHORE_TORTURE_ROUND=60 LONGSHORE_TORTURE_EVIDENCE=$PWD/.build-protections/evidence-$name \
        swift test --skip-build --disable-xctest --filter '^TortureTests\.' >"$log" 2>&1 || status=$?
    took=$(($(date +%s) - start))
    if [ "$status" -ne 0 ] && grep -aqE 'recorded an issue .*Expectation failed: \(verdict\.(lost|wrong|disordered)' "$log"; then
        echo "protections: without $name torture fails after $took s:"
        grep -aE '^torture: seed .* repeated' "$log" | tail -n 1
        grep -aE '^↳ seed' "$log" | head -n 1 | cut -c 1-300
    else
        echo "protections: WITHOUT $name TORTURE DOES NOT FAIL ($took s, status $status): see $log"
        failed=1
    fi
done
exit $failed
