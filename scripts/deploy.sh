#!/usr/bin/env bash
# Brings a version to a machine over SSH: fetches its images there, replaces one service after the
# other, looks whether all is well, and goes back by itself if not. See docs/DEPLOYMENT.md.
called_from=$PWD
. "$(dirname "$0")/speak.sh"

usage() {
    cat <<'USAGE'
scripts/deploy.sh --host HOST --user USER --version TAG [options]

  --host HOST          the machine
  --user USER          who signs in there; may use Docker and owns the directory
  --version TAG        the images' tag, such as 1.4.0; moving ones (latest) have no way back
  --directory DIR      where the platform is installed (/opt/saas)
  --port PORT          SSH's port (22)
  --identity FILE      the private key; otherwise what ssh finds
  --known-hosts FILE   the machine's public keys; otherwise those ssh knows
  --limit SECONDS      how long a service may take to be healthy (180)
  --hold SECONDS       how long the public address has to answer without a miss (10)
  --digests LIST       what the images have to be, as registry=sha256:…,core=…,gateway=…,frontend=…,backup=…:
                       fetched by that, whatever the tag leads to

Run it in a checkout of that version: docker-compose.prod.yml and docker/traefik/dynamic.yml go along.

It ends with
  0  the version runs
  1  it did not get well; the version before runs again
  2  wrong use, or refused before anything was touched
  3  look at the machine: the way back failed too, or how it ended is not known
USAGE
}

refuse() {
    printf 'deploy: %s\n' "$*" >&2
    exit 2
}

# A path as the caller meant it, since speak.sh has changed to the repository's root.
path_of() {
    case $1 in /*) printf '%s' "$1" ;; *) printf '%s/%s' "$called_from" "$1" ;; esac
}

host='' user='' version='' directory=/opt/saas port=22 identity='' known_hosts='' limit=180 hold=10 digests=''
while [ $# -gt 0 ]; do
    case $1 in
    --help | -h) usage && exit 0 ;;
    --host | --user | --version | --directory | --port | --identity | --known-hosts | --limit | --hold | --digests)
        [ $# -ge 2 ] || refuse "$1 needs a value"
        name=${1#--}
        declare "${name//-/_}=$2"
        shift 2
        ;;
    *) refuse "there is no option $1; --help lists them" ;;
    esac
done

# These words become a part of a command line on the other machine: nothing in them may mean
# anything to a shell or look like an option.
matches() {
    local LC_ALL=C
    [[ $2 =~ ^$3$ ]] || refuse "--$1 '${2//[^[:print:]]/?}' $4"
}
for name in host user version; do
    [ -n "${!name}" ] || refuse "--$name is missing; --help tells how it is used"
done
matches host "$host" '[A-Za-z0-9:][A-Za-z0-9.:_-]*' 'is no name or address of a machine'
matches user "$user" '[A-Za-z0-9_][A-Za-z0-9._-]*' 'is no name of a user'
matches version "$version" '[A-Za-z0-9_][A-Za-z0-9._-]{0,127}' 'is no tag of an image'
matches directory "$directory" '/[A-Za-z0-9._/-]+' 'is no absolute path of letters, digits and . _ - /'
for name in port limit hold; do
    matches "$name" "${!name}" '[1-9][0-9]{0,4}' 'is no number'
done
[ "$hold" -lt "$limit" ] || refuse "--hold $hold has to be shorter than --limit $limit"
if [ -n "$digests" ]; then
    matches digests "$digests" '[a-z]+=sha256:[0-9a-f]{64}(,[a-z]+=sha256:[0-9a-f]{64})*' 'is no list of digests'
    for name in registry core gateway frontend backup; do
        [[ ,$digests =~ ,$name= ]] || refuse "--digests does not say what $name has to be"
    done
fi
[ "$version" != latest ] || refuse "--version latest moves, so that there would be no way back: name a version"

options=(
    -p "$port"
    -o BatchMode=yes
    -o StrictHostKeyChecking=yes
    -o UpdateHostKeys=no
    -o ConnectTimeout=15
    -o ServerAliveInterval=10
    -o ServerAliveCountMax=3
)
if [ -n "$identity" ]; then
    identity=$(path_of "$identity")
    [ -r "$identity" ] || refuse "--identity $identity cannot be read"
    options+=(-o IdentitiesOnly=yes -i "$identity")
fi
if [ -n "$known_hosts" ]; then
    known_hosts=$(path_of "$known_hosts")
    [ -r "$known_hosts" ] || refuse "--known-hosts $known_hosts cannot be read"
    options+=(-o "UserKnownHostsFile=$known_hosts" -o GlobalKnownHostsFile=none)
fi
for needed in ssh tar; do
    command -v "$needed" >/dev/null || refuse "$needed is needed here and was not found"
done

there() {
    ssh "${options[@]}" -- "$user@$host" "$@"
}

echo "deploying $version to $host"
# 1. What the machine needs goes into a folder of its own there, and a script of ours begins, detached
# from us: whatever happens to this connection, it comes to an end.
run=.deploy/run.$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')
script="cd $directory && bash $run/deploy-host.sh"
heard=$(mktemp)
trap 'rm -f "$heard"' EXIT
trap 'echo "deploy: no longer watching; if it has begun, $host goes on by itself, see $directory/$run/log there" >&2; exit 3' INT TERM
status=0
# The folder gets its name when all is in it: half a script would run as well, and do half.
tar -c -f - docker-compose.prod.yml docker/traefik/dynamic.yml -C scripts deploy-host.sh deploy-machine.sh dotenv.awk |
    there "echo reached; set -e; umask 077; cd $directory; mkdir -p $run.part; tar -x -f - --no-same-owner -C $run.part; mv $run.part $run; bash $run/deploy-host.sh start $run $version $limit $hold ${digests:--}" >"$heard" || status=$?
grep -qx reached "$heard" || refuse "nothing was touched: $user@$host could not be reached"
case $status in
0 | 255) ;; # 255: the connection broke, perhaps after the start. Following tells.
129 | 13[0-9] | 14[0-3]) ;; # and so it does where the ssh here was ended
*)
    tail -n +2 "$heard"
    refuse "nothing was touched: $host has no directory $directory that $user may write to, no room in it, or lacks tar or bash"
    ;;
esac

# 2. We read along, and come back where the connection is lost.
: >"$heard"
misses=0 absent=0
while :; do
    before=$(wc -c <"$heard")
    set +e
    there "$script follow $run $before" | tee -a "$heard"
    status=${PIPESTATUS[0]}
    set -e
    case $status in
    0 | 1 | 2 | 3) exit "$status" ;;
    # What was sent may still be on its way there.
    127) [ "$((absent += 1))" -le 3 ] || { echo "deploy: the connection broke, and $host has nothing of a deployment $run; whether it begins later, $directory/.deploy there tells" >&2 && exit 3; } ;;
    255 | 129 | 13[0-9] | 14[0-3]) ;; # the connection broke, or the ssh here was ended
    *) echo "deploy: $host does not know how it ended ($status); look at $directory/$run/log there" >&2 && exit 3 ;;
    esac
    [ "$(wc -c <"$heard")" = "$before" ] || misses=0
    misses=$((misses + 1))
    if [ "$misses" -gt 30 ]; then
        echo "deploy: the connection to $host is lost. It goes on there by itself; $directory/$run/log and status tell how it ended" >&2
        exit 3
    fi
    echo "deploy: the connection broke; $host goes on, trying to reach it again" >&2
    sleep "$((misses < 10 ? misses : 10))"
done
