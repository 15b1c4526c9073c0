# Copy a file over another one; keep the other one under a new name if it is different.
# Usage: replace.sh NEW OLD
set -e
if [ -e "$2" ] && ! cmp -s "$1" "$2"; then
    kept="$2.$(date +%Y%m%d-%H%M%S).backup"
    cp "$2" "$kept"
    echo "$2 was different. It was kept as $kept."
fi
cp "$1" "$2"
