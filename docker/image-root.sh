#!/bin/sh
# image-root.sh BINARY TO: lays out what the image consists of. TO/root belongs to root, TO/owned
# to the user the service runs as.
set -eu
root=$2/root
mkdir -p "$root/etc/ssl/certs" "$root/tmp" "$root/usr/local/bin" "$root/var/lib/dpkg/status.d" "$2/owned/data"
cp "$1" "$root/usr/local/bin/saas"

# The C library, its loader and the compiler's library, from where the binary expects them.
ldd "$1" | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$root${library%/*}"
    cp -L "$library" "$root$library"
done
# Scanners find the packages these came from where distroless images keep them.
for package in libc6 libgcc-s1; do
    dpkg-query --status "$package" >"$root/var/lib/dpkg/status.d/$package"
done
cp -L /etc/os-release "$root/etc/os-release"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"

echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
printf '%s\n' 'root:x:0:0::/:/nonexistent' 'saas:x:10001:10001::/data:/nonexistent' >"$root/etc/passwd"
printf '%s\n' 'root:x:0:' 'saas:x:10001:' >"$root/etc/group"
# Podman gives a tmpfs the mode of the directory it covers, and root as its owner.
chmod 1777 "$root/tmp" "$2/owned/data"
