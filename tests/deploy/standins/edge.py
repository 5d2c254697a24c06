#!/usr/bin/python3
"""Stands in for Traefik in the tests: reads Traefik's settings from the environment and its dynamic
file, and becomes HAProxy with the same meaning. What it does not know, it refuses, so that a test
never passes because a line was overlooked. Certificates come from an authority of its own, in the
place of Let's Encrypt.

`traefik healthcheck` asks the ping entry point, as Traefik's does.
"""

import os
import pathlib
import re
import subprocess
import sys
import urllib.parse
import urllib.request

import yaml

PREFIX = "TRAEFIK_"
# Its metrics are its own: nobody reads them here.
IGNORED = (
    "GLOBAL_", "LOG_", "ACCESSLOG", "PROVIDERS_FILE_", "CERTIFICATESRESOLVERS_", "PING", "METRICS_", "ENTRYPOINTS_METRICS_",
)
WORK = pathlib.Path("/tmp/edge")


def refuse(what):
    sys.exit(f"the stand-in for Traefik does not know {what}")


def settings():
    found = {name[len(PREFIX):]: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    known = re.compile(
        r"ENTRYPOINTS_(WEB|WEBSECURE|PING)_(ADDRESS|HTTP_REDIRECTIONS_ENTRYPOINT_(TO|SCHEME|PERMANENT)"
        r"|TRANSPORT_RESPONDINGTIMEOUTS_READTIMEOUT)"
    )
    for name in found:
        if not name.startswith(IGNORED) and not known.fullmatch(name):
            refuse(name)
    for needed in ("EMAIL", "STORAGE", "HTTPCHALLENGE_ENTRYPOINT"):
        if not found.get(f"CERTIFICATESRESOLVERS_LETSENCRYPT_ACME_{needed}"):
            sys.exit(f"Let's Encrypt would need {needed}")
    return found


def dynamic(path):
    template = pathlib.Path(path).read_text()
    return yaml.safe_load(re.sub(r'{{ env "(\w+)" }}', lambda name: os.environ[name[1]], template))


def seconds(duration):
    number, unit = re.fullmatch(r"(\d+)(ms|s|m)", duration).groups()
    return int(number) * {"ms": 0.001, "s": 1, "m": 60}[unit]


class Edge:
    def __init__(self):
        self.settings = settings()
        self.http = dynamic(self.settings["PROVIDERS_FILE_FILENAME"])["http"]
        self.hosts = sorted(set(re.findall(r"Host\(`([^`]+)`\)", str(self.http["routers"]))))

    def address(self, point):
        return self.settings[f"ENTRYPOINTS_{point}_ADDRESS"]

    def certificates(self):
        """The authority is kept in the certificates' volume, where tests read it."""
        storage = pathlib.Path(self.settings["CERTIFICATESRESOLVERS_LETSENCRYPT_ACME_STORAGE"]).parent
        authority, chain = storage / "authority.pem", storage / "site.pem"
        if not chain.exists():
            def openssl(*arguments):
                subprocess.run(["openssl", *arguments], check=True, stderr=subprocess.DEVNULL)

            names = ",".join(f"DNS:{host}" for host in self.hosts)
            openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=Test authority", "-keyout", f"{WORK}/ca.key", "-out", str(authority))
            openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", f"/CN={self.hosts[0]}", "-keyout", f"{WORK}/site.key", "-out", f"{WORK}/site.csr")
            (WORK / "names").write_text(f"subjectAltName={names}\n")
            openssl("x509", "-req", "-in", f"{WORK}/site.csr", "-CA", str(authority), "-CAkey", f"{WORK}/ca.key",
                    "-CAcreateserial", "-days", "2", "-extfile", f"{WORK}/names", "-out", f"{WORK}/site.crt")
            chain.write_text((WORK / "site.crt").read_text() + (WORK / "site.key").read_text())
        return chain

    def rule(self, rule):
        """A router's rule as a condition: alternatives of one host or one prefix each."""
        terms = []
        for term in rule.split(" || "):
            matched = re.fullmatch(r"(Host|PathPrefix)\(`([^`]+)`\)", term)
            if not matched:
                refuse(f"the rule {rule}")
            kind, value = matched.groups()
            terms.append(f"{{ hdr(host),host_only -i {value} }}" if kind == "Host" else f"{{ path_beg {value} }}")
        return " or ".join(terms)

    def middleware(self, name, condition, backend):
        [(kind, values)] = self.http["middlewares"][name].items()
        values = dict(values)
        if kind == "headers":
            if values.pop("stsSeconds", None):
                age = self.http["middlewares"][name][kind]["stsSeconds"]
                subdomains = "; includeSubDomains" if values.pop("stsIncludeSubdomains", False) else ""
                backend.append(f'http-after-response set-header Strict-Transport-Security "max-age={age}{subdomains}"')
            for key, header in (("customFrameOptionsValue", "X-Frame-Options"), ("referrerPolicy", "Referrer-Policy")):
                if key in values:
                    backend.append(f'http-after-response set-header {header} "{values.pop(key)}"')
            if values.pop("contentTypeNosniff", False):
                backend.append("http-after-response set-header X-Content-Type-Options nosniff")
        elif kind == "retry":
            # The first attempt counts for Traefik. Between two at the same server it waits for once to
            # twice the interval, HAProxy for the time to connect. Neither repeats what was sent.
            pause = max(500, round(1400 * seconds(values.pop("initialInterval"))))
            backend += [f"retries {values.pop('attempts') - 1}", "option redispatch 1", "retry-on conn-failure"]
            backend.append(f"timeout connect {pause}ms")
        elif kind == "ipAllowList":
            ranges = " ".join(values.pop("sourceRange"))
            status = values.pop("rejectStatusCode", 403)
            backend.append(f"http-request deny deny_status {status} if !{{ src {ranges} }}")
        else:
            refuse(f"the middleware {kind}")
        if values:
            refuse(f"{kind}: {values}")

    def backend(self, router, lines):
        lines.append(f"backend {router}")
        spec = self.http["routers"][router]
        own = []
        for name in spec.get("middlewares", []):
            self.middleware(name, spec["rule"], own)
        balancer = dict(self.http["services"][spec["service"]]["loadBalancer"])
        check, options = balancer.pop("healthCheck", None), ""
        if check:
            own.append(f"option httpchk GET {check['path']}")
            own.append(f"timeout check {int(seconds(check['timeout']) * 1000)}ms")
            options = f" check inter {int(seconds(check['interval']) * 1000)}ms fall 1 rise 1"
        else:
            # nginx, told to quit, closes connections that are kept. Traefik repeats a GET then (Go's net/http),
            # and nothing else; the gateways close no connection that is asked on, so this is not for them.
            own += ["http-reuse always", "retry-on conn-failure empty-response", "http-request disable-l7-retry if !METH_GET"]
        for number, server in enumerate(balancer.pop("servers")):
            url = urllib.parse.urlsplit(server["url"])
            own.append(f"server s{number} {url.hostname}:{url.port} resolvers names init-addr last,libc,none{options}")
        if balancer:
            refuse(f"loadBalancer: {balancer}")
        lines += [f"    {line}" for line in own]

    def configuration(self):
        name_server = re.search(r"nameserver (\S+)", pathlib.Path("/etc/resolv.conf").read_text())[1]
        read = seconds(self.settings["ENTRYPOINTS_WEBSECURE_TRANSPORT_RESPONDINGTIMEOUTS_READTIMEOUT"])
        web = {key: self.settings[f"ENTRYPOINTS_WEB_HTTP_REDIRECTIONS_ENTRYPOINT_{key}"] for key in ("TO", "SCHEME", "PERMANENT")}
        if web != {"TO": ":443", "SCHEME": "https", "PERMANENT": "true"}:
            refuse(f"the redirection {web}")
        lines = f"""
global
    log stdout format raw daemon
    maxconn 400
    ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
    mode http
    log global
    timeout connect 500ms
    timeout client {int(read)}s
    timeout server 60s
    timeout tunnel 1h
    timeout http-request 10s
    option http-keep-alive
    option dontlognull
    option dontlog-normal
    option httplog
    default-server resolve-prefer ipv4
resolvers names
    nameserver network {name_server}:53
    hold valid 500ms
    # Traefik asks for the name whenever it connects; HAProxy would give a server up that has none.
    hold nx 30s
    hold refused 30s
    hold timeout 30s
    hold other 30s
    timeout resolve 500ms
    timeout retry 200ms
frontend ping
    bind {self.address('PING')}
    monitor-uri /ping
frontend web
    bind {self.address('WEB')}
    http-request redirect scheme https code 301
frontend websecure
    bind {self.address('WEBSECURE')} ssl crt {self.certificates()} alpn h2,http/1.1
    http-request del-header X-Forwarded-For
    http-request del-header Forwarded
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Real-Ip %[src]
    http-request set-header X-Forwarded-Proto https
    http-request set-header X-Forwarded-Host %[req.hdr(Host)]""".splitlines()
        routers = sorted(self.http["routers"].items(), key=lambda item: -item[1].get("priority", len(item[1]["rule"])))
        for name, router in routers:
            if set(router) - {"rule", "entryPoints", "middlewares", "service", "tls", "priority"}:
                refuse(f"the router {router}")
            if router["entryPoints"] != ["websecure"] or "tls" not in router:
                refuse(f"a router without TLS: {name}")
            lines.append(f"    use_backend {name} if {self.rule(router['rule'])}")
        for name, _ in routers:
            self.backend(name, lines)
        return "\n".join(lines) + "\n"


def main():
    if sys.argv[1:] == ["healthcheck"]:
        address = os.environ["TRAEFIK_ENTRYPOINTS_PING_ADDRESS"]
        urllib.request.urlopen(f"http://{address}/ping", timeout=3)
        return
    if sys.argv[1:]:
        refuse(f"the arguments {sys.argv[1:]}")
    WORK.mkdir(exist_ok=True)
    (WORK / "haproxy.cfg").write_text(Edge().configuration())
    os.execvp("haproxy", ["haproxy", "-W", "-db", "-f", str(WORK / "haproxy.cfg")])


if __name__ == "__main__":
    main()
