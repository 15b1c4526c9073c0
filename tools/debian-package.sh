#!/bin/sh
# Install a Debian package if what it brings is missing and this user may do so without a password;
# otherwise say how. Usage: debian-package.sh PACKAGE COMMAND-OR-SHARED-LIBRARY PURPOSE
package=$1 brings=$2 purpose=$3
command -v "$brings" >/dev/null 2>&1 && exit 0
/sbin/ldconfig -p 2>/dev/null | grep -q "^[[:space:]]*$brings " && exit 0

install="apt-get install -y --no-install-recommends $package"
if [ "$(id -u)" -eq 0 ]; then
    as_root=""
elif sudo -n true 2>/dev/null; then
    as_root="sudo"
else
    as_root="ask"
fi
if [ "$as_root" != "ask" ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing $package for $purpose ..."
    $as_root apt-get update -qq >/dev/null && $as_root $install -qq >/dev/null && exit 0
fi
echo "$package is missing; $purpose needs it. Please run: sudo apt-get install $package" >&2
exit 1
