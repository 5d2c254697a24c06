#!/usr/bin/env bash
# The part of a deployment that runs on the machine itself. scripts/deploy.sh sends it there and
# calls it in the directory of the installation:
#
#   deploy-host.sh start RUN VERSION LIMIT HOLD   begins, detached from whoever called
#   deploy-host.sh follow RUN BYTES               shows the log from there on; ends as the run does
#
# RUN is the folder with the files of the version. In .deploy lie beside it: `lock`, held while a
# deployment runs; `previous`, the files before; `unfinished`, there while something may be half done.
set -euo pipefail

# Compose reads them, or a container does: whoever may enter the directory may read them.
files=(docker-compose.prod.yml docker/traefik/dynamic.yml)
# As docs/DEPLOYMENT.md has it: one after the other, gateways in turn.
services=(registry core gateway gateway-b frontend)
free_mib=2048
slowest_pull=1800
# The shell's own would go before .env.
unset IMAGE_TAG IMAGE_PREFIX COMPOSE_FILE COMPOSE_ENV_FILES

main() {
    case $1 in
    start)
        setsid bash "$0" run "$2" "$3" "$4" "$5" >"$2/log" 2>&1 </dev/null &
        echo $! >"$2/pid"
        ;;
    follow) follow "$2" "$3" ;;
    run) run "$2" "$3" "$4" "$5" ;;
    esac
}

follow() {
    local run=$1 seen=$2 size ended=''
    [ -e "$run/pid" ] || { echo "the deployment did not start" && exit 2; }
    while [ -z "$ended" ]; do
        # Asked first: what is written until then is shown below.
        if [ -e "$run/status" ] || ! kill -0 "$(cat "$run/pid")" 2>/dev/null; then ended=yes; else sleep 0.3; fi
        size=$(stat -c %s "$run/log")
        tail -c "+$((seen + 1))" "$run/log" | head -c "$((size - seen))"
        seen=$size
    done
    [ -e "$run/status" ] || { echo "the deployment was ended from outside: start it again, which also finds the way back" && exit 3; }
    exit "$(cat "$run/status")"
}

run() {
    run=$1 version=$2 limit=$3 hold=$4
    # A connection that ends is not a reason to stop half way. A wish to stop is one to go back.
    trap '' HUP PIPE
    trap 'stop_wanted=yes' TERM INT
    stop_wanted='' failed='' unwell='' SECONDS=0
    umask 077

    exec 9>>.deploy/lock
    flock -n 9 || refuse "another deployment is under way here"
    check_machine
    remember_previous
    fetch

    echo "$previous" >.deploy/unfinished
    if put_in_place "$run" && set_tag "$version" && replace "$version" migrate && is_well "$version"; then
        rm -f .deploy/unfinished
        tell_what_was_left
        say "$version runs"
        finish 0
    fi
    go_back
}

# --- what has to hold before anything is touched

check_machine() {
    local tool place free
    for tool in docker curl flock tail awk cmp; do
        command -v "$tool" >/dev/null || refuse "$tool is needed on this machine and was not found"
    done
    docker compose version >/dev/null 2>&1 || refuse "docker compose does not run here: is Compose 2 installed?"
    docker info >/dev/null 2>&1 || refuse "Docker does not answer $(id -un): does it run, and is $(id -un) in the group docker?"
    [ -f .env ] || refuse "there is no .env in $PWD: make one with 'saas config generate', see docs/DEPLOYMENT.md"
    [ -r .env ] && [ -w .env ] && [ -w . ] || refuse "$PWD and its .env have to belong to $(id -un)"
    [ -n "$(setting IMAGE_PREFIX)" ] || refuse "IMAGE_PREFIX is empty in $PWD/.env: set it to where the images come from, such as ghcr.io/your-organisation/"
    [ -n "$(setting DOMAIN)" ] || refuse "DOMAIN is empty in $PWD/.env"
    for place in . "$(docker info --format '{{.DockerRootDir}}' 2>/dev/null)"; do
        [ -d "$place" ] || continue
        free=$(df -Pm "$place" | awk 'NR == 2 { print $4 }')
        [ "$free" -ge "$free_mib" ] || refuse "$(realpath "$place") has $free MiB left and $free_mib are needed: 'docker image prune -a' removes images that nothing uses"
    done
}

# What to go back to. If a deployment was cut off, by a crash of the machine, what lies in place is
# half of it; then what it had remembered still holds.
remember_previous() {
    local file
    if [ -e .deploy/unfinished ]; then
        previous=$(cat .deploy/unfinished)
        say "the deployment before was cut off; the way back leads to ${previous:-nothing}, as it did then"
        return
    fi
    previous=$(image_of gateway)
    previous=${previous##*:}
    [[ $previous =~ ^[A-Za-z0-9_.-]*$ ]] || refuse "$(container gateway) runs an image without a tag, to which there is no way back"
    rm -rf .deploy/previous.new
    for file in "${files[@]}"; do
        [ ! -e "$file" ] || copy "$file" ".deploy/previous.new/$file"
    done
    mkdir -p .deploy/previous.new
    rm -rf .deploy/previous
    mv .deploy/previous.new .deploy/previous
    say "${previous:-nothing} runs here"
}

# With the new files, and all of it before anything stops.
fetch() {
    local began=$SECONDS
    quietly docker compose -f "$run/docker-compose.prod.yml" --project-directory . config --quiet ||
        refuse "$PWD/.env does not have what $version needs; .env.prod.example of that version tells what it is"
    IMAGE_TAG=$version quietly within "$slowest_pull" docker compose -f "$run/docker-compose.prod.yml" \
        --project-directory . pull --quiet migrate "${services[@]}" traefik ||
        refuse "the images of $version could not be fetched; nothing was touched"
    # Some releases of Compose forgive a pull that fails where an image could also be built.
    local image
    for image in registry core gateway frontend; do
        image=$(setting IMAGE_PREFIX)saas-$image:$version
        docker image inspect "$image" >/dev/null 2>&1 || refuse "$image could not be fetched; nothing was touched"
    done
    say "images fetched in $((SECONDS - began)) s"
}

# --- one version in place of another

put_in_place() {
    local file
    for file in "${files[@]}"; do
        copy "$1/$file" "$file" || return 1
    done
}

# Never half a file under its name.
copy() {
    (umask 022 && mkdir -p "$(dirname "$2")") && cp "$1" "$2.new" && chmod 644 "$2.new" && mv "$2.new" "$2"
}

set_tag() {
    local file
    file=$(realpath .env)
    # The copy first, so that owner and mode are those of the file.
    cp -p "$file" "$file.new" && awk -v tag="$1" '
        /^IMAGE_TAG=/ { if (!done) print "IMAGE_TAG=" tag; done = 1; next }
        { print }
        END { if (!done) print "IMAGE_TAG=" tag }
    ' "$file" >"$file.new" && mv "$file.new" "$file"
}

# replace VERSION [migrate]
replace() {
    local service
    if [ -z "$previous" ]; then
        quietly within "$((limit * 4))" docker compose -f docker-compose.prod.yml up -d --no-build --wait || return 1
        return 0
    fi
    if [ "${2:-}" = migrate ]; then
        failed=migrate
        quietly within "$((limit * 4))" docker compose -f docker-compose.prod.yml run --rm -T migrate || return 1
        say "the database's schema is that of $1"
        may_go_on || return 1
    fi
    for service in "${services[@]}"; do
        failed=$service
        quietly within "$limit" docker compose -f docker-compose.prod.yml up -d --no-deps --no-build --wait "$service" || return 1
        say "$service is healthy"
        may_go_on || return 1
    done
    failed=traefik
    local anew=()
    if has_new_routes; then anew=(--force-recreate); fi
    quietly within "$limit" docker compose -f docker-compose.prod.yml up -d --no-deps --no-build --wait \
        "${anew[@]}" traefik || return 1
}

# The edge is left alone if nothing about it is new: a second without it is a second too long. But a
# container keeps seeing the file that was there when it began, so other routes need a new container.
has_new_routes() {
    ! docker exec saas_traefik cat /etc/traefik/dynamic.yml 2>/dev/null | cmp -s - docker/traefik/dynamic.yml
}

may_go_on() {
    [ -z "$stop_wanted" ] || { say "told to stop" && return 1; }
}

# --- whether it is well

# Every container of this version healthy, and the public address through the edge without a miss
# for HOLD seconds.
is_well() {
    local wanted=$1 until=$((SECONDS + limit)) good=0
    while [ "$good" -lt "$hold" ] || ! all_healthy "$wanted"; do
        if [ "$SECONDS" -ge "$until" ]; then
            say "not well within $limit s: $unwell"
            return 1
        fi
        may_go_on || return 1
        if all_healthy "$wanted" && edge_answers; then good=$((good + 1)); else good=0; fi
        sleep 1
    done
    failed=''
    say "all healthy, and $(public_address) answers"
}

all_healthy() {
    local service found containers=()
    for service in "${services[@]}"; do
        containers+=("$(container "$service")")
    done
    found=$(docker inspect --format '{{.Name}} {{.Config.Image}} {{if .State.Health}}{{.State.Health.Status}}{{end}}' \
        "${containers[@]}" 2>/dev/null) || true
    for service in "${services[@]}"; do
        grep -Eqx "/?$(container "$service") [^ ]*:${1//./\\.} healthy" <<<"$found" ||
            { failed=$service unwell="$service is $(grep -w "$(container "$service")" <<<"$found" || echo 'not there')" && return 1; }
    done
}

public_address() {
    local port
    port=$(setting HTTPS_PORT)
    port=${port##*:}
    [ "${port:-443}" = 443 ] && port='' || port=":$port"
    printf 'https://api.%s%s/health' "$(setting DOMAIN)" "$port"
}

# The edge of this machine under its public name: whether the name leads here is no concern of an
# update. The certificate is checked, but for one of Let's Encrypt's trial authority.
edge_answers() {
    local published port address=127.0.0.1 lenient=() code
    published=$(setting HTTPS_PORT)
    port=${published##*:}
    case $published in *:*) address=${published%:*} ;; esac
    case $(setting ACME_SERVER) in *staging*) lenient=(--insecure) ;; esac
    code=$(curl -s -o /dev/null -w '%{http_code}' --max-time 5 "${lenient[@]}" --noproxy '*' \
        --resolve "api.$(setting DOMAIN):${port:-443}:${address/0.0.0.0/127.0.0.1}" "$(public_address)") || true
    [ "$code" = 200 ] || { failed=traefik unwell="$(public_address) answers ${code:-nothing}" && return 1; }
}

# --- the way back

go_back() {
    say "$version did not get well${failed:+ ($failed)}"
    echo "--- the last lines of ${failed:-all}"
    quietly docker compose -f docker-compose.prod.yml logs --no-color --tail 25 ${failed:+"$failed"} || true
    echo "---"
    if [ -z "$previous" ]; then
        say "nothing ran here before, so that there is nothing to go back to: mend the cause and deploy again"
        rm -f .deploy/unfinished
        finish 3
    fi
    say "going back to $previous"
    trap '' TERM INT
    stop_wanted=''
    if put_in_place .deploy/previous && set_tag "$previous" && replace "$previous" && is_well "$previous"; then
        rm -f .deploy/unfinished
        say "$previous runs again"
        finish 1
    fi
    say "THE WAY BACK FAILED TOO${failed:+ at $failed}. Files and IMAGE_TAG are those of $previous; 'docker compose -f docker-compose.prod.yml ps' in $PWD shows what is wrong"
    finish 3
}

# --- asking, telling, ending

setting() {
    sed -n "s/^$1=//p" .env | tail -n 1 | tr -d "\"'\r"
}

container() {
    printf 'saas_%s_prod' "${1//-/_}"
}

image_of() {
    docker inspect --format '{{.Config.Image}}' "$(container "$1")" 2>/dev/null || true
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

say() {
    printf '[%4s s] %s\n' "$SECONDS" "$*"
}

# A command's words, without what is secret in .env.
quietly() {
    local status=0
    "$@" 2>&1 </dev/null | hide || status=${PIPESTATUS[0]}
    return "$status"
}

hide() {
    awk '
        FILENAME == ARGV[1] {
            at = index($0, "=")
            if (at && substr($0, 1, at - 1) ~ /SECRET|TOKEN|PASSWORD|KEY/) {
                value = substr($0, at + 1)
                gsub(/["\r\047]/, "", value)
                if (length(value) >= 6) secrets[value]
            }
            next
        }
        {
            for (secret in secrets)
                while ((at = index($0, secret))) $0 = substr($0, 1, at - 1) "***" substr($0, at + length(secret))
            print
            fflush()
        }
    ' .env -
}

refuse() {
    echo "refused: $*"
    finish 2
}

# The status is the last thing written. Of earlier runs the five newest logs stay.
finish() {
    rm -rf "${run:?}/docker" "$run/docker-compose.prod.yml"
    # Not after a refusal: another deployment may be at work in one of them.
    [ "$1" = 2 ] || find .deploy -maxdepth 1 -name 'run.*' -printf '%T@ %p\n' | sort -rn | awk 'NR > 6 { print $2 }' | xargs -r rm -rf
    echo "$1" >"$run/status.new"
    mv "$run/status.new" "$run/status"
    exit "$1"
}

main "$@"
