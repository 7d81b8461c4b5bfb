# Prints the targets of a Makefile from the comments beside them:
#   "## Title" starts a group, "target: ... ## what it does" is a row.
/^## / { printf "%s%s\n", (seen++ ? "\n" : ""), substr($0, 4); next }
match($0, /^[a-z][a-z-]*:.*## /) {
    name = $0; sub(/:.*/, "", name)
    printf "  make %-14s %s\n", name, substr($0, RLENGTH + 1)
}
