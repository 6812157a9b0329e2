# What the fault tests share: a folder of their own, checks that count, dumps of databases.
# Usage in a test: program=…; source tests/fault/common.sh
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export TZ=UTC LC_ALL=C NO_COLOR=1
work=$(mktemp -d "${TMPDIR:-/tmp}/lamplight-fault.XXXXXX")
failed=0 checks=0

check() { # WHAT COMMAND...: counts; says what did not hold
    local what=$1
    shift
    checks=$((checks + 1))
    if "$@"; then echo "ok: $what"; else echo "NOT OK: $what"; failed=$((failed + 1)); fi
}

# Runs lamplight; leaves its output in $work/stdout and $work/stderr, its exit status in $status.
lamplight() {
    status=0
    "$program" "$@" >"$work/stdout" 2>"$work/stderr" </dev/null || status=$?
}

status_is() { # STATUS...
    local wanted
    for wanted in "$@"; do [ "$status" -eq "$wanted" ] && return 0; done
    echo "    exit status $status"
    sed 's/^/    /' "$work/stderr" | head -5
    return 1
}

says() { # TEXT...: all of them on standard error
    local text
    for text in "$@"; do
        grep -qiF -- "$text" "$work/stderr" && continue
        echo "    not said: $text"
        sed 's/^/    /' "$work/stderr" | head -5
        return 1
    done
}

# The whole content of a database as text, in an order that does not depend on how it was written.
dump() { sqlite3 "$1" .dump | sort; }

is_whole() { [ "$(sqlite3 "$1" 'PRAGMA integrity_check')" = ok ]; }

same_content() { # DATABASE DATABASE
    dump "$1" >"$work/dump-1"
    dump "$2" >"$work/dump-2"
    cmp -s "$work/dump-1" "$work/dump-2" && return 0
    diff "$work/dump-1" "$work/dump-2" | head -6 | cut -c1-300
    return 1
}

finish() {
    echo "$checks checks, $failed failed"
    [ $failed -eq 0 ]
}
