#!/bin/sh
# PostgreSQL's log, kept as it is written, so that the database of any minute can be had again.
#   archive base                    takes a base backup, and verifies it
#   archive prune [COUNT]           keeps the newest COUNT base backups (2), and the log from the oldest of them on
#   archive restore MOMENT [BASE]   fills PGDATA, which has to be empty, with what becomes the database of that
#                                   moment when the server starts; `latest` for all that was kept
# and for the server itself, as archive_command and restore_command:
#   archive push PATH NAME
#   archive pull NAME PATH
# Base backups lie in ARCHIVE/base, the log in ARCHIVE/wal.
set -eu
umask 077
archive=${ARCHIVE:-/archive}
export PGUSER="${PGUSER:-${POSTGRES_USER:-postgres}}"

fail() {
    echo "archive: $*" >&2
    exit 1
}

# What is pushed has its name only when it is whole and on the disk, and nothing ever takes another's
# place: the server keeps what could not be pushed, and tries again.
push() {
    path=$1 target=$archive/wal/$2.gz part=$archive/wal/.$2.part
    mkdir -p "$archive/wal"
    if [ -e "$target" ]; then
        # Pushed before, and the server was stopped before it could note that.
        gzip -dc "$target" | cmp -s - "$path" && return
        fail "$target is there, and is something else: does another server use this archive?"
    fi
    trap 'rm -f "$part"' EXIT
    # Told as a failure also when it was killed, which the server would not count.
    { gzip -c "$path" >"$part" && sync "$part"; } || fail "$target could not be written; the server keeps $path"
    mv -n "$part" "$target"
    [ ! -e "$part" ] || fail "$target appeared meanwhile"
    sync "$archive/wal"
}

pull() {
    [ -e "$archive/wal/$1.gz" ] || exit 1
    gzip -dc "$archive/wal/$1.gz" >"$2"
}

one_at_a_time() {
    mkdir -p "$archive/base"
    exec 9>"$archive/base/.lock"
    flock -n 9 || fail "another 'archive base' or 'archive prune' is under way"
    # Of one that was killed.
    rm -rf "$archive/base/.part"
}

base() {
    one_at_a_time
    part=$archive/base/.part
    trap 'rm -rf "$part"' EXIT
    trap 'exit 1' HUP INT TERM
    pg_basebackup --pgdata="$part" --checkpoint=fast --wal-method=stream --no-password
    pg_verifybackup --quiet "$part" || fail "the base backup is not what the server sent, and was removed"
    # From this second on, every moment can be restored from it.
    name=$(date -u +%Y%m%d_%H%M%S)
    mv -T "$part" "$archive/base/$name"
    sync "$archive/base"
    echo "$archive/base/$name"
}

bases() {
    for one in "$archive"/base/[0-9]*_[0-9]*; do
        if [ -d "$one" ]; then basename "$one"; fi
    done | sort
}

prune() {
    count=${1:-2}
    [ "$count" -ge 1 ] 2>/dev/null || fail "how many base backups are to be kept? '$count' is not a number from 1"
    one_at_a_time
    oldest=$(bases | tail -n "$count" | head -n 1)
    [ -n "$oldest" ] || fail "there is no base backup in $archive/base; take one with 'archive base'"
    first=$(sed -n 's/^START WAL LOCATION: .*(file \([0-9A-F]*\))$/\1/p' "$archive/base/$oldest/backup_label")
    [ -n "$first" ] || fail "$archive/base/$oldest/backup_label does not say where its log begins"
    for name in $(bases); do
        [ "$name" != "$oldest" ] || break
        # Under another name first: half a base backup must not be taken for one.
        mv -T "$archive/base/$name" "$archive/base/.part"
        rm -rf "$archive/base/.part"
        echo "removed $archive/base/$name"
    done
    pg_archivecleanup -x .gz "$archive/wal" "$first"
    echo "moments from $oldest UTC on can be restored"
}

restore() {
    [ -n "${PGDATA:-}" ] || fail "PGDATA does not say where the server keeps its data"
    [ -z "$(ls -A "$PGDATA" 2>/dev/null)" ] || fail "$PGDATA is not empty; a restore overwrites nothing"
    if [ "$1" = latest ]; then
        second=99999999_999999
    else
        # Without a time zone it is UTC.
        second=$(TZ=UTC0 date -d "$1" +%Y%m%d_%H%M%S 2>/dev/null) ||
            fail "'$1' is not a moment; write '2026-01-02 03:04:05' (UTC), or latest"
        moment=$(TZ=UTC0 date -d "$1" '+%Y-%m-%d %H:%M:%S.%6N+00')
    fi
    name=${2:-$(bases | awk -v second="$second" '$0 "" < second ""' | tail -n 1)}
    [ -n "$name" ] || fail "no base backup in $archive/base is older than $1"
    from=$archive/base/$name
    [ -d "$from" ] || fail "there is no $from"
    pg_verifybackup --quiet "$from" || fail "$from is damaged; name an older one: archive restore MOMENT BASE"
    mkdir -p "$PGDATA"
    trap 'find "$PGDATA" -mindepth 1 -delete' EXIT
    trap 'exit 1' HUP INT TERM
    # Without this file it is no server's data: it comes last.
    (cd "$from" && tar -cf - --exclude=./PG_VERSION .) | tar -xpf - -C "$PGDATA"
    [ -e "$PGDATA/global/pg_control" ] || fail "$from could not be copied"
    settings=$PGDATA/postgresql.auto.conf
    sed -i '/^\(restore_command\|recovery_target\)/d' "$settings"
    {
        echo "restore_command = '\"$(readlink -f "$0")\" pull %f \"%p\"'"
        echo "recovery_target_action = 'promote'"
        [ "$1" = latest ] || echo "recovery_target_time = '$moment'"
    } >>"$settings"
    : >"$PGDATA/recovery.signal"
    chmod 700 "$PGDATA"
    sync
    cp "$from/PG_VERSION" "$PGDATA/PG_VERSION"
    sync
    trap - EXIT
    echo "from the base backup $name, the server will recover to ${moment:-the end of the archive} when it starts"
}

command=${1:-}
[ $# -eq 0 ] || shift
case $command/$# in
push/2 | pull/2 | base/0 | prune/[01] | restore/[12]) "$command" "$@" ;;
*) fail "base, prune [COUNT], or restore MOMENT [BASE]" ;;
esac
