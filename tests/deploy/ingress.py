"""The ingress controller's part: nginx, from the Ingress objects, as ingress-nginx reads them."""

import signal
import subprocess

from client import ADMIN, API, DOMAIN, free_port
from kubernetes_manifests import of_kind

CONFIGURATION = """daemon off; user root; worker_processes 2; pid {folder}/pid; error_log {folder}/error.log warn;
events {{ worker_connections 512; }}
http {{
access_log off;
client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
ssl_certificate {authority}; ssl_certificate_key {folder}/tls.key;
map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
{upstreams}{servers}}}
"""
LOCATION = """location {path} {{ {settings}
  proxy_pass http://{target}; proxy_http_version 1.1;
  proxy_set_header Connection $connection_upgrade; proxy_set_header Upgrade $http_upgrade; proxy_set_header Host $host;
  proxy_set_header X-Real-IP $remote_addr; proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto https; }}
"""


class Ingress:
    """Listens on loopback, at `https`, with a certificate of its own (`authority`). It keeps connections
    to the Services, as ingress-nginx keeps some to the pods, but not for long: each new one may meet a
    pod that comes or goes."""

    def __init__(self, engine, folder, node, services, objects):
        self.folder, self.node, self.services = folder, node, services
        self.https, self.authority = free_port(), folder / "tls.pem"
        folder.mkdir()
        names = f"subjectAltName=DNS:{API},DNS:{ADMIN}"
        engine.run(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", f"/CN={DOMAIN}", "-addext", names, "-keyout", folder / "tls.key", "-out", self.authority,
        )
        upstreams = "".join(
            f"upstream {name} {{ server {node}:{service.port}; keepalive 32; keepalive_requests 50; }}\n"
            for name, service in services.items()
            if name in ("gateway-service", "frontend-service")
        )
        servers = "".join(self._server(host, of_kind(objects, "Ingress")) for host in (API, ADMIN))
        configuration = folder / "nginx.conf"
        configuration.write_text(
            CONFIGURATION.format(folder=folder, authority=self.authority, upstreams=upstreams, servers=servers)
        )
        with open(folder / "out.log", "wb") as log:
            self.nginx = subprocess.Popen(["nginx", "-c", configuration], stdout=log, stderr=log)

    def _server(self, host, ingresses):
        """One server for each host, with the locations of all Ingress objects."""
        locations = ""
        for ingress in ingresses:
            annotations = {name.split("/")[1]: value for name, value in ingress["metadata"]["annotations"].items()}
            rules = [rule for rule in ingress["spec"]["rules"] if rule["host"] == host]
            for path in (path for rule in rules for path in rule["http"]["paths"]):
                name = path["backend"]["service"]["name"]
                target = name if name in self.services else f"{self.node}:9"
                locations += LOCATION.format(path=path["path"], settings=_settings(annotations), target=target)
        return f"server {{ listen 127.0.0.1:{self.https} ssl; server_name {host};\n{locations}}}\n"

    def close(self):
        self.nginx.send_signal(signal.SIGTERM)
        self.nginx.wait(10)


def _settings(annotations):
    denied = annotations.get("denylist-source-range", "")
    if denied:
        return "".join(f"deny {each}; " for each in denied.split(","))
    return (
        f"client_max_body_size {annotations['proxy-body-size']}; "
        f"proxy_buffering {annotations['proxy-buffering']}; "
        f"proxy_request_buffering {annotations['proxy-request-buffering']}; "
        f"proxy_read_timeout {annotations['proxy-read-timeout']}s; "
    )
