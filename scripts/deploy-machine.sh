# What deploy-host.sh asks the machine, and how it tells of it. Sourced by it, in the directory of the
# installation; `refuse` and what it names are there.
# shellcheck shell=bash disable=SC2154

free_mib=2048

# --- what has to hold before anything is touched

check_machine() {
    local tool place free file
    [ -f .env ] || refuse "there is no .env in $PWD: make one with 'saas config generate', see docs/DEPLOYMENT.md"
    [ -r .env ] && [ -w .env ] && [ -w . ] || refuse "$PWD and its .env have to belong to $(id -un)"
    for file in "$(realpath .env)" "${files[@]}"; do
        [ ! -e "$file" ] || { [ -f "$file" ] && [ -r "$file" ]; } ||
            refuse "$file is no file that $(id -un) may read: remove it (Docker makes a folder of a file that it does not find)"
        place=$(dirname "$file")
        until [ -e "$place" ]; do place=$(dirname "$place"); done
        [ -d "$place" ] && [ -w "$place" ] || refuse "$place has to be a folder that $(id -un) may write to"
    done
    for tool in docker curl flock tail awk cmp realpath timeout find xargs; do
        type -P "$tool" >/dev/null || refuse "$tool is needed on this machine and was not found"
    done
    docker compose version >/dev/null 2>&1 || refuse "docker compose does not run here: is Compose 2 installed?"
    docker info >/dev/null 2>&1 || refuse "Docker does not answer $(id -un): does it run, and is $(id -un) in the group docker?"
    [ -n "$(setting IMAGE_PREFIX)" ] || refuse "IMAGE_PREFIX is empty in $PWD/.env: set it to where the images come from, such as ghcr.io/your-organisation/"
    [ -n "$(setting DOMAIN)" ] || refuse "DOMAIN is empty in $PWD/.env"
    for place in . "$(docker info --format '{{.DockerRootDir}}' 2>/dev/null)"; do
        [ -d "$place" ] || continue
        free=$(df -Pm "$place" | awk 'NR == 2 { print $4 }')
        [ "$free" -ge "$free_mib" ] || refuse "$(realpath "$place") has $free MiB left and $free_mib are needed: 'docker image prune -a' removes images that nothing uses"
    done
}

# For what is written on the way back and at the end, should the images fill the disk. Nothing that a
# file system could make smaller.
keep_room() {
    head -c 1048576 /dev/urandom >"$run/room" || refuse "there is no room left in $PWD"
}

# Whatever Compose would take from the shell rather than from .env.
forget_the_shells_own() {
    local name
    for name in $(grep -oE '\$\{[A-Z_][A-Z0-9_]*' "$run/docker-compose.prod.yml" | tr -d '${' | sort -u); do
        unset "$name"
    done
}

# --- asking, telling, ending

# A question may not take for ever.
docker() {
    timeout --kill-after=5 60 docker "$@"
}

setting() {
    dotenv .env -v get="$1"
}

dotenv() {
    LC_ALL=C awk -v file="$1" "${@:2}" -f "$run/dotenv.awk"
}

container() {
    printf 'saas_%s_prod' "${1//-/_}"
}

image_of() {
    docker inspect --format '{{.Config.Image}}' "$(container "$1")" 2>/dev/null || true
}

image_id() {
    docker image inspect --format '{{.Id}}' "$1" 2>/dev/null || true
}

# Of REGISTRY:PORT/NAME:TAG@DIGEST; nothing if there is none.
tag_of() {
    local image=${1%%@*}
    image=${image##*/}
    if [[ $image =~ ^[^:]+:([A-Za-z0-9_][A-Za-z0-9_.-]*)$ ]] && [ "${image%%:*}" != sha256 ]; then echo "${BASH_REMATCH[1]}"; fi
}

what_runs() {
    local service image told=''
    for service in "${services[@]}"; do
        has_service "$service" || continue
        image=$(image_of "$service")
        told+="${told:+, }$service $(if [ -n "$image" ]; then tag_of "$image"; else echo nothing; fi)"
    done
    echo "$told"
}

all_run() {
    local service
    for service in "${services[@]}"; do
        has_service "$service" || continue
        [ "$(tag_of "$(image_of "$service")")" = "$1" ] || return 1
    done
}

# PostgreSQL and Redis are never replaced on the way: that interrupts. Who changed their settings
# hears of it.
tell_what_was_left() {
    local service before now
    [ -n "$previous" ] || return 0
    for service in postgres redis; do
        before=$(docker compose -f .deploy/previous/docker-compose.prod.yml --project-directory . config --hash "$service" 2>/dev/null) || return 0
        now=$(docker compose -f docker-compose.prod.yml config --hash "$service" 2>/dev/null) || return 0
        [ "$before" = "$now" ] ||
            say "$service has new settings, which interrupt: 'docker compose -f docker-compose.prod.yml up -d $service' at a quiet time"
    done
}

# within SECONDS COMMAND…; what does not listen is ended.
within() {
    timeout --kill-after=15 "$@"
}

# A full disk, which takes no more words, is no reason to stop.
say() {
    printf '[%4s s] %s\n' "$SECONDS" "$*" || true
}

# A command's words, without what is secret in .env. Where they cannot be written down it goes on.
quietly() {
    local status=0
    "$@" 2>&1 </dev/null | { dotenv .env -v hide=1 || cat >/dev/null; } || status=${PIPESTATUS[0]}
    return "$status"
}
