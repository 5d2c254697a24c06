#!/usr/bin/env bash
# The part of a deployment that runs on the machine itself. scripts/deploy.sh sends it there and
# calls it in the directory of the installation:
#
#   deploy-host.sh start RUN VERSION LIMIT HOLD DIGESTS   begins, detached from whoever called
#   deploy-host.sh follow RUN BYTES                       shows the log from there on; ends as the run does
#
# RUN is the folder with the files of the version, this one and what it needs. In .deploy lie beside it:
# `lock`, held while a deployment runs; `previous`, the files before; `unfinished`, there while
# something may be half done, with the version to go back to. DIGESTS is `-`, or what each image has to
# be, as in registry=sha256:…,core=sha256:….
set -euo pipefail
. "$(dirname "$0")/deploy-machine.sh"

# Compose reads them, or a container does: whoever may enter the directory may read them.
files=(docker-compose.prod.yml docker/traefik/dynamic.yml)
# As docs/DEPLOYMENT.md has it: one after the other, gateways in turn.
services=(registry core gateway gateway-b frontend backup)
images=(registry core gateway frontend backup)
slowest_pull=1800
# The shell's own would go before .env.
unset IMAGE_TAG IMAGE_PREFIX COMPOSE_FILE COMPOSE_ENV_FILES

main() {
    case $1 in
    start) start "${@:2}" ;;
    follow) follow "$2" "$3" ;;
    run) run "${@:2}" ;;
    esac
}

start() {
    # Whoever makes it decides whether the run takes place: this, or who asks for it and finds none.
    mkdir "$1/begun"
    setsid bash "$0" run "$@" >"$1/log" 2>&1 </dev/null &
    until [ -s "$1/pid" ]; do
        kill -0 $! 2>/dev/null || { cat "$1/log" && exit 1; }
        sleep 0.05
    done
}

follow() {
    local run=$1 seen=$2 size ended='' patience=100
    until [ -s "$run/pid" ]; do
        ! mkdir "$run/begun" 2>/dev/null || { echo "the deployment did not start; nothing was touched" && exit 2; }
        [ "$((patience--))" -gt 0 ] || { echo "the deployment did not start in time; start it again" && exit 3; }
        sleep 0.1
    done
    while [ -z "$ended" ]; do
        # Asked first: what is written until then is shown below.
        if [ -e "$run/status" ] || ! kill -0 "$(cat "$run/pid")" 2>/dev/null; then ended=yes; else sleep 0.3; fi
        size=$(stat -c %s "$run/log")
        tail -c "+$((seen + 1))" "$run/log" | head -c "$((size - seen))"
        seen=$size
    done
    [ -e "$run/status" ] || { tell_of_cut_off && exit 3; }
    exit "$(cat "$run/status")"
}

tell_of_cut_off() {
    echo "the deployment was ended from outside: start it again, which also finds the way back"
    if [ -e .deploy/unfinished ]; then
        echo "until then this runs: $(what_runs); the way back leads to $(grep . .deploy/unfinished || echo nothing)"
    else
        echo "nothing is half done; this runs: $(what_runs)"
    fi
}

run() {
    run=$1 version=$2 limit=$3 hold=$4 digests=$5
    # A connection that ends is not a reason to stop half way. A wish to stop is one to go back.
    trap '' HUP PIPE
    trap 'stop_wanted=yes' TERM INT
    stop_wanted='' failed='' unwell='' stage=before SECONDS=0
    umask 077
    # Also the proof that something can be written here.
    echo $$ >"$run/pid"
    trap unforeseen EXIT

    { exec 9>>.deploy/lock; } 2>/dev/null || refuse "$PWD/.deploy/lock cannot be written by $(id -un): it has to belong to this user"
    flock -n 9 || refuse "another deployment is under way here"
    check_machine
    keep_room
    forget_the_shells_own
    remember_previous
    fetch
    may_go_on || refuse "nothing was touched"

    write_down "$previous"
    stage=forwards
    if put_in_place "$run" && set_tag "$version" && may_go_on && replace "$version" migrate && is_well "$version"; then
        rm -f .deploy/unfinished
        stage=well
        tell_what_was_left
        say "$version runs"
        finish 0
    fi
    go_back
}

# What no line here expects may not end in silence.
unforeseen() {
    local status=$?
    trap - EXIT
    set +e
    case $stage in
    before) refuse "a step ended with $status, see above; nothing was touched" ;;
    forwards) go_back ;;
    well) say "$version runs" && finish 0 ;;
    *) say "a step of the way back ended with $status, see above; this runs: $(what_runs)" && finish 3 ;;
    esac
}

# --- before anything is touched

# What to go back to. If a deployment was cut off, by a crash of the machine, what lies in place is
# half of it; then what it had remembered still holds.
remember_previous() {
    local file image service
    if [ -e .deploy/unfinished ]; then
        previous=$(cat .deploy/unfinished)
        [[ $previous =~ ^([A-Za-z0-9_][A-Za-z0-9_.-]*)?$ ]] ||
            refuse "$PWD/.deploy/unfinished holds no version: write the one to go back to into it, of $(what_runs)"
        say "this runs: $(what_runs)"
        say "the deployment before was cut off; the way back leads to ${previous:-nothing}, as it did then"
        return
    fi
    previous=''
    for service in gateway gateway-b core registry frontend; do
        image=$(image_of "$service")
        [ -z "$image" ] || break
    done
    if [ -n "$image" ]; then
        previous=$(tag_of "$image")
        [ -n "$previous" ] || refuse "$(container "$service") runs an image without a tag, to which there is no way back"
        for file in "${files[@]}"; do
            [ -e "$file" ] || refuse "$previous runs here, but not from $PWD, which has no $file: there would be no way back"
        done
        for image in "${images[@]}"; do
            has_service "$image" || continue
            image=$(setting IMAGE_PREFIX)saas-$image:$previous
            docker image inspect "$image" >/dev/null 2>&1 ||
                refuse "$previous runs here, but there is no image $image to go back to: was IMAGE_PREFIX changed? 'docker tag' gives the one that runs that name"
        done
    fi
    rm -rf .deploy/previous.new
    mkdir -p .deploy/previous.new
    for file in "${files[@]}"; do
        [ ! -e "$file" ] || copy "$file" ".deploy/previous.new/$file" ||
            { rm -rf .deploy/previous.new && refuse "$PWD/.deploy cannot be written to; nothing was touched"; }
    done
    rm -rf .deploy/previous
    mv -T .deploy/previous.new .deploy/previous
    say "${previous:-nothing} runs here"
    [ -z "$previous" ] || all_run "$previous" || say "but not everywhere: $(what_runs)"
}

# With the new files, and all of it before anything stops.
fetch() {
    local began=$SECONDS
    quietly docker compose -f "$run/docker-compose.prod.yml" --project-directory . config --quiet ||
        refuse "$PWD/.env does not have what $version needs; .env.prod.example of that version tells what it is"
    local image name digest services_to_pull=(migrate "${services[@]}")
    if [ "$digests" != - ]; then
        services_to_pull=()
        for image in "${images[@]}"; do
            name=$(setting IMAGE_PREFIX)saas-$image
            digest=$(tr , '\n' <<<"$digests" | sed -n "s/^$image=//p")
            quietly within "$slowest_pull" docker pull --quiet "$name@$digest" ||
                refuse "$name@$digest could not be fetched; nothing was touched"
            [ "$version" != "$previous" ] || [ "$(image_id "$name@$digest")" = "$(image_id "$name:$version")" ] ||
                refuse "$version runs here already, from another image than $name@$digest: there would be no way back, so give the new one a version of its own"
            docker tag "$name@$digest" "$name:$version" || refuse "$name@$digest could not be named $version; no service was touched"
        done
    fi
    IMAGE_TAG=$version quietly within "$slowest_pull" docker compose -f "$run/docker-compose.prod.yml" \
        --project-directory . pull --quiet "${services_to_pull[@]}" traefik ||
        refuse "the images of $version could not be fetched; nothing was touched"
    # Some releases of Compose forgive a pull that fails where an image could also be built.
    for image in "${images[@]}"; do
        image=$(setting IMAGE_PREFIX)saas-$image:$version
        docker image inspect "$image" >/dev/null 2>&1 || refuse "$image could not be fetched; nothing was touched"
    done
    say "images fetched in $((SECONDS - began)) s"
}

# Whether the version whose files lie in place has this service: an earlier one may not.
has_service() {
    grep -q "^  $1:" docker-compose.prod.yml
}

# --- one version in place of another

put_in_place() {
    local file
    for file in "${files[@]}"; do
        copy "$1/$file" "$file" || return 1
    done
}

# Never half a file under its name, and never through a link to somewhere else.
copy() {
    (umask 022 && mkdir -p "$(dirname "$2")") && rm -rf "$2.new" && cp "$1" "$2.new" && chmod 644 "$2.new" &&
        sync "$2.new" && mv -fT "$2.new" "$2" || { rm -rf "$2.new" && return 1; }
}

write_down() {
    rm -rf .deploy/unfinished.new && echo "$1" >.deploy/unfinished.new && sync .deploy/unfinished.new &&
        mv -fT .deploy/unfinished.new .deploy/unfinished ||
        { rm -rf .deploy/unfinished.new && refuse "$PWD/.deploy cannot be written to; nothing was touched"; }
}

# The copy first, so that owner and mode are those of the file; and it replaces the file only if
# everything but the tag is the same.
set_tag() {
    local file
    file=$(realpath .env)
    rm -rf "$file.new" && cp -p "$file" "$file.new" && with_tag "$1" "$file" >"$file.new" &&
        with_tag "$1" "$file" | cmp -s - "$file.new" && sync "$file.new" && mv -fT "$file.new" "$file" ||
        { rm -rf "$file.new" && return 1; }
}

with_tag() {
    dotenv "$2" -v set=IMAGE_TAG -v to="$1"
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
        quietly within "$((limit * 4))" docker compose -f docker-compose.prod.yml run --rm -T --no-deps migrate || return 1
        say "the database's schema is that of $1"
        may_go_on || return 1
    fi
    for service in "${services[@]}"; do
        has_service "$service" || continue
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
        has_service "$service" || continue
        containers+=("$(container "$service")")
    done
    found=$(docker inspect --format '{{.Name}} {{.Config.Image}} {{if .State.Health}}{{.State.Health.Status}}{{end}}' \
        "${containers[@]}" 2>/dev/null) || true
    for service in "${services[@]}"; do
        has_service "$service" || continue
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
    stage=backwards
    local restored=''
    rm -f "$run/room"
    say "$version did not get well${failed:+ ($failed)}"
    echo "--- the last lines of ${failed:-all}" || true
    quietly docker compose -f docker-compose.prod.yml logs --no-color --tail 25 ${failed:+"$failed"} || true
    echo "---" || true
    if [ -z "$previous" ]; then
        say "nothing ran here before, so that there is nothing to go back to: mend the cause and deploy again"
        rm -f .deploy/unfinished
        finish 3
    fi
    say "going back to $previous"
    trap '' TERM INT
    stop_wanted=''
    if put_in_place .deploy/previous && set_tag "$previous" && restored=yes && replace "$previous" && is_well "$previous"; then
        rm -f .deploy/unfinished
        say "$previous runs again"
        finish 1
    fi
    say "THE WAY BACK FAILED TOO${failed:+ at $failed}; this runs: $(what_runs)"
    if [ -n "$restored" ]; then
        say "files and IMAGE_TAG are those of $previous; 'docker compose -f docker-compose.prod.yml ps' in $PWD shows what is wrong"
    else
        say "$PWD or its .env could not be written to: see to that, and deploy again; the files of $previous lie in $PWD/.deploy/previous"
    fi
    finish 3
}

refuse() {
    echo "refused: $*" || true
    finish 2
}

# The status is the last thing written. Of earlier runs the five newest logs stay.
finish() {
    trap - EXIT
    rm -rf "${run:?}/room" "$run/docker" "$run/docker-compose.prod.yml" || true
    # Not after a refusal: another deployment may be at work in one of them.
    [ "$1" = 2 ] || find .deploy -maxdepth 1 -name 'run.*' -printf '%T@ %p\n' | sort -rn | awk 'NR > 6 { print $2 }' | xargs -r rm -rf || true
    echo "$1" >"$run/status.new" && mv "$run/status.new" "$run/status" || echo "how it ended ($1) could not be written down" || true
    exit "$1"
}

main "$@"
