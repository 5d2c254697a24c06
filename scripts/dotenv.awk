# Reads an .env file as Docker Compose does, for deploy-host.sh:
#
#   awk -v file=.env -v get=NAME -f dotenv.awk            prints what a setting is
#   awk -v file=.env -v set=NAME -v to=TEXT -f dotenv.awk prints the file with another value of it
#   awk -v file=.env -v hide=1 -f dotenv.awk              passes on what it reads, without secrets
#
# For any awk, by bytes: call it with LC_ALL=C. It ends with 1, and passes on nothing, where the
# file cannot be read.

BEGIN {
    # Shorter ones keep nobody out, and are words (redis, admin) that the rest is told with.
    shortest = 6
    for (byte = 1; byte < 256; byte++) code[sprintf("%c", byte)] = byte
    read_file()
    if (set != "") { write_with_setting(); exit }
    if (get != "") { print values[get]; exit }
    learn_secrets()
}

{
    for (i = 1; i <= known; i++)
        while ((at = index($0, secrets[i])))
            $0 = substr($0, 1, at - 1) "***" substr($0, at + length(secrets[i]))
    print
    fflush()
}

# --- the file

function read_file(    line, got, n) {
    while ((got = (getline line < file)) > 0) lines[++count] = line
    if (got < 0) exit 1
    close(file)
    # What some editors put before everything.
    if (sub(/^\357\273\277/, "", lines[1])) mark = "\357\273\277"
    for (n = 1; n <= count; n++) n = read_setting(n)
}

# The setting that begins in this line, if one does: with `export` or without, spaces around, `:` for
# `=`, in quotes of both kinds (then it may be many lines), a comment behind. Tells its last line.
function read_setting(n,    line, name, head, text, last, end) {
    line = lines[n]
    sub(/\r$/, "", line)
    if (!match(line, /^[ \t]*(export[ \t]+)?[A-Za-z_][A-Za-z0-9_.-]*[ \t]*[=:][ \t]*/)) return n
    head = substr(line, 1, RLENGTH)
    text = substr(line, RLENGTH + 1)
    name = head
    sub(/^[ \t]*(export[ \t]+)?/, "", name)
    sub(/[ \t]*[=:][ \t]*$/, "", name)

    last = n
    quote = substr(text, 1, 1)
    if (quote != "\"" && quote != "\047") quote = ""
    end = quote == "" ? 0 : closing(text, quote)
    while (quote != "" && !end && last < count) {
        line = lines[++last]
        sub(/\r$/, "", line)
        text = text "\n" line
        end = closing(text, quote)
    }
    if (quote != "" && !end) {
        # Never closed, which Compose refuses: a line like others, so that the rest is read as well.
        last = n
        sub(/\n.*/, "", text)
        quote = ""
    }

    settings++
    first_line[settings] = n
    last_line[settings] = last
    names[settings] = name
    heads[settings] = head quote
    texts[settings] = text
    if (quote != "") {
        written[settings] = substr(text, 2, end - 2)
        tails[settings] = substr(text, end)
    } else {
        written[settings] = text
        if (match(text, /(^|[ \t]+)#/)) written[settings] = substr(text, 1, RSTART - 1)
        sub(/[ \t]+$/, "", written[settings])
        tails[settings] = substr(text, length(written[settings]) + 1)
    }
    values[name] = meanings[settings] = quote == "\047" ? written[settings] : meant(written[settings], quote)
    return last
}

function closing(text, quote,    at) {
    for (at = 2; at <= length(text); at++) {
        if (substr(text, at, 1) == "\\") at++
        else if (substr(text, at, 1) == quote) return at
    }
    return 0
}

# What is written, with `\"`, `$$`, `${NAME}` and `${NAME:-in its place}` replaced.
function meant(text, quote,    done, name, other) {
    if (quote != "") text = unescaped(text)
    while (match(text, /\$(\$|\{[A-Za-z_][A-Za-z0-9_]*(:?-[^}]*)?\}|[A-Za-z_][A-Za-z0-9_]*)/)) {
        name = substr(text, RSTART + 1, RLENGTH - 1)
        done = done substr(text, 1, RSTART - 1)
        text = substr(text, RSTART + RLENGTH)
        if (name == "$") {
            done = done "$"
            continue
        }
        gsub(/^\{|\}$/, "", name)
        other = ""
        if (match(name, /:?-/)) {
            other = substr(name, RSTART + RLENGTH)
            name = substr(name, 1, RSTART - 1)
        }
        done = done (values[name] == "" ? other : values[name])
    }
    return done text
}

function unescaped(text,    done, at, next_one) {
    while ((at = index(text, "\\"))) {
        next_one = substr(text, at + 1, 1)
        done = done substr(text, 1, at - 1) (next_one == "n" ? "\n" : next_one)
        text = substr(text, at + 2)
    }
    return done text
}

# In its place and in its manner; elsewhere under the same name it would win, so there it goes.
function write_with_setting(    n, s, done, carriage) {
    s = 1
    printf "%s", mark
    for (n = 1; n <= count; n++) {
        while (s < settings && last_line[s] < n) s++
        if (first_line[s] != n || names[s] != set) {
            print lines[n]
            continue
        }
        carriage = lines[last_line[s]] ~ /\r$/ ? "\r" : ""
        if (!done) print heads[s] to tails[s] carriage
        done = 1
        n = last_line[s]
    }
    if (!done) print set "=" to
}

# --- what is secret in it

function learn_secrets(    s, name) {
    for (s = 1; s <= settings; s++) {
        name = toupper(names[s])
        if (name ~ /HEADERS/) {
            learn_headers(written[s])
            learn_headers(meanings[s])
        }
        if (name ~ /SECRET|TOKEN|PASS|KEY|CREDENTIAL|HEADERS/ && name !~ /_(FILE|PATH|MINUTES|DAYS|SECONDS)$/) {
            learn(texts[s])
            learn(written[s])
            learn(meanings[s])
            # Of a quote that is never closed, which Compose tells when it refuses.
            learn(without_quotes(written[s]))
            # Some releases of Compose end a value at any #.
            learn(substr(written[s], 1, index(written[s] "#", "#") - 1))
        }
        learn_of_address(texts[s])
        learn_of_address(meanings[s])
    }
    sort_secrets()
}

# NAME=VALUE,NAME=VALUE; a value may be a scheme and then what it shows.
function learn_headers(text,    parts, n, i, value) {
    n = split(text, parts, ",")
    for (i = 1; i <= n; i++) {
        value = parts[i]
        sub(/^[^=:]*[=:][ \t]*/, "", value)
        learn(value)
        value = decoded(value)
        if (sub(/^.*[ \t]/, "", value)) learn(value)
    }
}

# SCHEME://USER:PASSWORD@HOST/PATH?password=…; a password may itself have an @ or a / in it.
function learn_of_address(text,    at, rest, part, where, tokens, n, i) {
    while ((at = index(text, "://"))) {
        rest = substr(text, at + 3)
        learn_login(substr(text, 1, at - 1), rest)
        part = rest
        sub(/[\/?# \t"\047,\n].*/, "", part)
        learn_login(substr(text, 1, at - 1), part)
        n = split(rest, tokens, /[?&;# \t"\047\n]/)
        for (i = 2; i <= n; i++) {
            where = index(tokens[i], "=")
            if (where && toupper(substr(tokens[i], 1, where - 1)) ~ /SECRET|TOKEN|PASS|KEY/) learn(substr(tokens[i], where + 1))
        }
        text = rest
    }
}

function learn_login(scheme, text,    at, colon) {
    if (!match(text, /.*@/)) return
    text = substr(text, 1, RLENGTH - 1)
    colon = index(text, ":")
    if (colon) learn(substr(text, colon + 1))
    # Alone it is a token, as for Git and Sentry; a database's user is not.
    else if (scheme ~ /https?$/) learn(text)
}

# In every form in which it may be said: as it is, in an address, within quotes, in Compose's own.
function learn(text,    parts, n, i, form) {
    n = split(text, parts, "\n")
    for (i = 1; i <= n; i++) {
        keep(parts[i])
        form = decoded(parts[i])
        keep(form)
        keep(encoded(form, "0123456789ABCDEF"))
        keep(encoded(form, "0123456789abcdef"))
        keep(escaped(form, "[\\\\\"]", "\\"))
        keep(escaped(parts[i], "[\\\\\"]", "\\"))
        keep(escaped(parts[i], "[$]", "$"))
    }
}

function without_quotes(text) {
    gsub(/^["\047]|["\047]$/, "", text)
    return text
}

function keep(text) {
    gsub(/^[ \t\r]+|[ \t\r]+$/, "", text)
    if (length(text) >= shortest && !(text in is_known)) {
        is_known[text] = 1
        secrets[++known] = text
    }
}

# The longest first: one may be a part of another.
function sort_secrets(    i, j, one) {
    for (i = 2; i <= known; i++) {
        one = secrets[i]
        for (j = i - 1; j >= 1 && length(secrets[j]) < length(one); j--) secrets[j + 1] = secrets[j]
        secrets[j + 1] = one
    }
}

function decoded(text,    done, byte) {
    while (match(text, /%[0-9A-Fa-f][0-9A-Fa-f]/)) {
        byte = 16 * digit(substr(text, RSTART + 1, 1)) + digit(substr(text, RSTART + 2, 1))
        done = done substr(text, 1, RSTART - 1) (byte ? sprintf("%c", byte) : "")
        text = substr(text, RSTART + 3)
    }
    return done text
}

function digit(letter) {
    return index("0123456789abcdef", tolower(letter)) - 1
}

function encoded(text, digits,    done, i, letter, byte) {
    for (i = 1; i <= length(text); i++) {
        letter = substr(text, i, 1)
        byte = code[letter]
        done = done (letter ~ /[A-Za-z0-9._~-]/ ? letter : "%" substr(digits, int(byte / 16) + 1, 1) substr(digits, byte % 16 + 1, 1))
    }
    return done
}

# With another letter before each of some.
function escaped(text, which, by,    done) {
    while (match(text, which)) {
        done = done substr(text, 1, RSTART - 1) by substr(text, RSTART, 1)
        text = substr(text, RSTART + 1)
    }
    return done text
}
