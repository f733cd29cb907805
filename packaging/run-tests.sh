#!/bin/bash
# Runs one group of the tests: run-tests.sh ARGUMENT… of `swift test`. What failed comes again as the last lines, so that the
# end of a log names it: every issue with its message; when the runner died, the tests that were under way.
set -uo pipefail
log=$(mktemp)
trap 'rm -f "$log"' EXIT
swift test --skip-build --disable-xctest "$@" 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
if [ "$status" -eq 0 ]; then exit 0; fi

# An issue is its line and those up to the runner's next one (what tests print in between comes along). Known ones are none.
issues() {
    awk '/^[^ ]+ (Test|Suite) / { left = / recorded an issue / ? 60 : 0 } left-- > 0' "$log"
}

# Tests that were started, and neither passed nor failed.
unfinished() {
    awk '
        !/^[^ ]+ Test / || /^[^ ]+ Test (run|case) / { next }
        { name = $0; sub(/^[^ ]+ Test /, "", name) }
        sub(/ started\.$/, "", name) { running[name] = 1; next }
        sub(/( with [0-9]+ test cases?)? (passed|failed) after .*/, "", name) { delete running[name] }
        END { for (name in running) print "  " name }' "$log" | sort
}

echo "=== swift test $* ended with status $status:"
issues
if ! grep -qE '^[^ ]+ Test run with .* after ' "$log"; then
    echo "=== it ended before its summary; its last words and the tests that were under way:"
    grep -aE 'Fatal error|Precondition failed|^error: ' "$log" | tail -n 5
    unfinished
fi
grep -aE '^[^ ]+ Test .* failed after ' "$log"
exit "$status"
