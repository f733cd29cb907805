#!/bin/bash
# Torture of builds that lack one protection each: protections.sh [NAME…], a name of Tests/Torture/Protections/NAME.patch.
# Each must fail, by losing, disordering or damaging something, within $LONGSHORE_PROTECTION_SECONDS (600) of torture, and
# the daemon as it is must pass the round in which it did; exit 1 when one does not. What shows it soonest a patch says in
# its first lines: "story: ordered" chooses rounds whose order is judged, "actions: kill,…" what is done in them. The tests
# themselves are those that were built last; only the daemon is another one.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${LONGSHORE_PROTECTION_SECONDS:-600}
# Many short rounds: how far a round gets is a matter of chance.
round=60
copy=.build-protections/source
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    for patch in Tests/Torture/Protections/*.patch; do names+=("$(basename "$patch" .patch)"); done
fi

# Builds the daemon without a protection, in .build-protections/build.
build() {
    # Copied with its times, so that only what the patch changes is built again.
    mkdir -p "$copy"
    rm -rf "$copy/Sources" "$copy/Tests"
    cp -a Package.swift Sources Tests "$copy/"
    patch --quiet -d "$copy" -p1 <"Tests/Torture/Protections/$1.patch"
    (cd "$copy" && swift build --product longshore --scratch-path ../build) >".build-protections/$1.build.log" 2>&1 || {
        tail -n 20 ".build-protections/$1.build.log"
        echo "protections: the daemon without $1 could not be built"
        exit 1
    }
}

# play DAEMON SECONDS LOG EVIDENCE: rounds of torture; fails as they do.
play() {
    env ${actions:+"LONGSHORE_TORTURE_ACTIONS=$actions"} LONGSHORE_TORTURE_STORY="$story" LONGSHORE_BINARY="$1" \
        LONGSHORE_TORTURE_SECONDS="$2" LONGSHORE_TORTURE_ROUND="$round" \
        LONGSHORE_TORTURE_EVIDENCE="$PWD/.build-protections/evidence-$4" \
        swift test --skip-build --disable-xctest --filter '^TortureTests\.' >"$3" 2>&1
}

# What a daemon that lacks something fails by; anything else is a failure of the tests.
finding='recorded an issue .*Expectation failed: \(verdict\.(lost|wrong|disordered)'
finding+='|the store of a killed daemon is damaged'
failed=0
for name in "${names[@]}"; do
    story=$(sed -n 's/^story: //p' "Tests/Torture/Protections/$name.patch")
    actions=$(sed -n 's/^actions: //p' "Tests/Torture/Protections/$name.patch")
    log=.build-protections/$name.log
    build "$name"
    start=$(date +%s)
    status=0
    play "$PWD/.build-protections/build/debug/longshore" "$seconds" "$log" "$name" || status=$?
    took=$(($(date +%s) - start))
    if [ "$status" -eq 0 ] || ! grep -aqE "$finding" "$log"; then
        echo "protections: WITHOUT $name TORTURE DOES NOT FAIL ($took s, status $status): see $log"
        failed=1
        continue
    fi
    rounds=$(grep -acE '^torture: seed [0-9]+: [0-9]+ s' "$log")
    echo "protections: without $name torture fails after $took s, in round $rounds:"
    grep -aE '^torture: seed .* repeated' "$log" | tail -n 1
    grep -aE "$finding" "$log" | head -n 3 | cut -c 1-300
    grep -aE '^↳ seed' "$log" | head -n 3 | cut -c 1-300
    seed=$(grep -aoE '^torture: seed [0-9]+' "$log" | tail -n 1 | grep -oE '[0-9]+')
    if LONGSHORE_SEED=$seed play "$PWD/.build/debug/longshore" "$round" ".build-protections/$name.control.log" "$name-control"; then
        echo "protections: the daemon as it is passes seed $seed"
    else
        echo "protections: THE DAEMON AS IT IS FAILS SEED $seed TOO: see .build-protections/$name.control.log"
        failed=1
    fi
done
exit $failed
