# Prints the first line of the first file that does not follow in the second one (see run).

function fits(line, pattern,    parts, count, i, at) {
    sub(/[ \t]+$/, "", line)
    count = split(pattern, parts, "…")
    if (count < 2) return line == pattern
    if (substr(line, 1, length(parts[1])) != parts[1]) return 0
    line = substr(line, length(parts[1]) + 1)
    for (i = 2; i <= count; i++) {
        if (i == count)
            return length(line) >= length(parts[i]) &&
                   substr(line, length(line) - length(parts[i]) + 1) == parts[i]
        at = index(line, parts[i])
        if (at == 0) return 0
        line = substr(line, at + length(parts[i]))
    }
    return 1
}

FILENAME == ARGV[1] { sub(/[ \t]+$/, ""); if ($0 != "" && $0 != "…" && $0 != "...") wanted[++count] = $0; next }
next_wanted < count && fits($0, wanted[next_wanted + 1]) { next_wanted++ }
END { if (next_wanted < count) print wanted[next_wanted + 1] }
