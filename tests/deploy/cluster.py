"""A stand-in for a cluster. Podman runs the pods of the manifests (`podman kube play`); what it does
not know, this does, as the components of Kubernetes do it:

  kubelet      puts a container's variables together, probes, runs preStop, sends SIGTERM, and SIGKILL
               when terminationGracePeriodSeconds are over
  kube-proxy   hands each new connection to a Service's port to a ready pod, chosen at random;
               connections that are there stay where they are. It hears of a change a while later
  Deployment   as many pods as asked for; an update by maxSurge and maxUnavailable
  ingress      nginx, from the Ingress objects, with connections to the Services that it keeps

Network policies, the spread over nodes, autoscaling and certificates of a public authority are not
stood in for: nothing here says anything about them.
"""

import asyncio
import copy
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import yaml
from engine import HUB, ROOT, wait
from kubernetes_manifests import container, environment, find, fresh_secrets, kustomize, of_kind, pod
from stack import Connection, free_port

NETWORK, PREFIX = "saas_kubernetes", "172.31.77"
NODE = f"{PREFIX}.1"
DOMAIN = "saas.test"
API, ADMIN = f"api.{DOMAIN}", f"admin.{DOMAIN}"
# From an endpoint's change until every node's kube-proxy and the ingress controller know.
LAG = 3
REDIS = "redis.databases.svc.cluster.local"
POSTGRES = "postgres.databases.svc.cluster.local"
# Linux: an address may be listened on before its interface is there.
IP_FREEBIND = 15


class Service:
    """What a Service and kube-proxy are together: a stable address, and endpoints that come and go."""

    def __init__(self, loop, port, target):
        self.port, self.target, self.endpoints = port, target, []
        self.loop, self.refused = loop, 0
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        listening.bind((NODE, port))
        self.server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._connected, sock=listening), loop
        ).result(10)

    def set(self, endpoints):
        """At once; who delays is the caller's business."""
        self.endpoints = list(endpoints)

    async def _connected(self, reader, writer):
        if not self.endpoints:
            self.refused += 1
            writer.transport.abort()
            return
        try:
            there = await asyncio.open_connection(random.choice(self.endpoints), self.target)
        except OSError:
            # kube-proxy does not try another one either.
            self.refused += 1
            writer.transport.abort()
            return
        await asyncio.gather(self._pump(reader, there[1]), self._pump(there[0], writer))
        for each in (writer, there[1]):
            each.close()

    @staticmethod
    async def _pump(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.write_eof()
        except (OSError, RuntimeError):
            writer.transport.abort()

    def close(self):
        self.loop.call_soon_threadsafe(self.server.close)


class Pod:
    """One pod, run by Podman, looked after as by a kubelet."""

    def __init__(self, cluster, app, number, objects, workload):
        self.cluster, self.app, self.name = cluster, app, f"{app}-{number}"
        self.spec, self.box = copy.deepcopy(pod(workload)), container(workload)
        self.address = cluster.next_address()
        self.ready = self.terminating = False
        self.restarts, self.code, self.took = 0, None, None
        file = cluster.folder / f"{self.name}.yaml"
        file.write_text(yaml.safe_dump_all(self._for_podman(objects, workload)))
        self.began = time.monotonic()
        cluster.engine.podman("kube", "play", "--quiet", "--network", NETWORK, "--ip", self.address, file)
        self.ended = threading.Event()
        self.watchers = [
            threading.Thread(target=self._probe, args=(kind,), daemon=True)
            for kind in ("readinessProbe", "livenessProbe")
            if kind in self.box
        ]
        for watcher in self.watchers:
            watcher.start()

    def _for_podman(self, objects, workload):
        spec = self.spec
        [box] = spec["containers"]
        variables = environment(objects, box, self.address)
        box["env"] = [{"name": name, "value": value} for name, value in variables.items()]
        # Kubernetes puts variables into arguments too.
        box["args"] = [_expanded(each, variables) for each in box.get("args", [])]
        # Podman would publish the ports on the machine, and probe with programs that no image has.
        for unknown in ("envFrom", "ports", "readinessProbe", "livenessProbe", "lifecycle"):
            box.pop(unknown, None)
        for unknown in ("topologySpreadConstraints", "serviceAccountName"):
            spec.pop(unknown, None)
        if spec.get("restartPolicy") == "OnFailure":
            spec["restartPolicy"] = "Never"
        claims = []
        for claim in workload["spec"].get("volumeClaimTemplates", []):
            name = f"{self.name}-{claim['metadata']['name']}"
            claims.append({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": claim["spec"]})
            volume = {"name": claim["metadata"]["name"], "persistentVolumeClaim": {"claimName": name}}
            spec.setdefault("volumes", []).append(volume)
        # Podman's emptyDir would be shared by all pods that use its name, and knows no fsGroup.
        for volume in spec.get("volumes", []):
            if "emptyDir" in volume:
                del volume["emptyDir"]
                volume["hostPath"] = {"path": str(self._empty(volume["name"], spec["securityContext"]["fsGroup"]))}
        names = [*self.cluster.services, REDIS, POSTGRES]
        spec["hostAliases"] = [{"ip": NODE, "hostnames": names}]
        labels = workload["spec"]["template"]["metadata"]["labels"]
        return [*claims, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": self.name, "labels": labels}, "spec": spec}]

    def _empty(self, name, group):
        folder = self.cluster.folder / f"{self.name}-{name}"
        folder.mkdir()
        os.chown(folder, 0, group)
        folder.chmod(0o2770)
        return folder

    @property
    def inner(self):
        return f"{self.name}-{self.box['name']}"

    def log(self):
        done = self.cluster.engine.run("podman", "logs", self.inner, check=False)
        return done.stdout + done.stderr

    def _probe(self, kind):
        probe = self.box[kind]
        failures = 0
        self.ended.wait(probe["initialDelaySeconds"])
        while not self.ended.is_set():
            held = self._holds(probe)
            failures = 0 if held else failures + 1
            failed = failures >= probe.get("failureThreshold", 3)
            if kind == "readinessProbe" and (held or failed) and held != self.ready and not self.terminating:
                self.ready = held
                self.cluster.endpoints_changed(self.app)
            if kind == "livenessProbe" and failed and not self.terminating:
                # A kubelet would restart it, which no test here asks for.
                self.restarts, failures = self.restarts + 1, 0
            self.ended.wait(probe["periodSeconds"])

    def _holds(self, probe):
        if "exec" in probe:
            return self.cluster.engine.run("podman", "exec", self.inner, *probe["exec"]["command"], check=False).returncode == 0
        [port] = [each["containerPort"] for each in self.box["ports"] if each["name"] == probe["httpGet"]["port"]]
        connection = http.client.HTTPConnection(self.address, port, timeout=probe.get("timeoutSeconds", 1))
        try:
            connection.request("GET", probe["httpGet"]["path"], headers={"User-Agent": "kube-probe"})
            return 200 <= connection.getresponse().status < 400
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def terminate(self):
        """As a kubelet: out of the Services, preStop, SIGTERM, and SIGKILL when the time is over."""
        self.terminating = True
        self.cluster.endpoints_changed(self.app)
        began = time.monotonic()
        grace = self.spec.get("terminationGracePeriodSeconds", 30)
        time.sleep(self.box.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0))
        self.ended.set()
        left = max(2, round(grace - (time.monotonic() - began)))
        self.cluster.engine.run("podman", "stop", "--time", str(left), self.inner)
        self.took = time.monotonic() - began
        self.code = self.cluster.engine.inspect(self.inner)["State"]["ExitCode"]
        self.last_words = self.log()
        self.cluster.engine.podman("pod", "rm", "--force", self.name)


def _expanded(text, variables):
    for name, value in variables.items():
        text = text.replace(f"$({name})", value)
    return text


class Cluster:
    """The production overlay with PostgreSQL and Redis of the development overlay beside it."""

    def __init__(self, engine, folder, version):
        self.engine, self.folder = engine, pathlib.Path(folder)
        self.lock, self.numbers, self.addresses = threading.Lock(), {}, iter(range(10, 200))
        self.pods, self.gone = {}, []
        self.secrets = fresh_secrets()
        password = self.secrets["POSTGRES_PASSWORD"]
        self.secrets["DATABASE_URL"] = f"postgresql://saas_user:{password}@{POSTGRES}:5432/saas_platform"
        self.settings = {
            "PUBLIC_URL": f"https://{API}",
            "CONSOLE_URL": f"https://{ADMIN}",
            "CORS_ORIGINS": f"https://{ADMIN}",
            "VITE_API_URL": f"https://{API}",
            "TRUSTED_PROXIES": f"{PREFIX}.0/24",
            "UPSTREAM_NETWORKS": f"{PREFIX}.0/24",
            "SIGNUP": "open",
            # Whom the quick start signs in as.
            "ADMIN_EMAIL": "admin@localhost",
        }
        self.objects = self.render(version)
        self.services = {}
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        engine.podman("network", "create", "--subnet", f"{PREFIX}.0/24", "--gateway", NODE, NETWORK)
        self.ingress = None

    def render(self, version):
        made = kustomize(self.folder, "production", self.secrets, self.settings, images=(HUB, version))
        beside = kustomize(self.folder, "development", self.secrets, self.settings)
        names = ("postgres", "redis")
        made += [each for each in of_kind(beside, "StatefulSet", "Service") if each["metadata"]["name"] in names]
        for each in of_kind(made, "StatefulSet"):
            box = container(each)
            box["image"] = f"{HUB}{box['image']}"
        return made

    def next_address(self):
        with self.lock:
            return f"{PREFIX}.{next(self.addresses)}"

    # Services.

    def open_services(self):
        for each in of_kind(self.objects, "Service"):
            selector = each["spec"].get("selector")
            if not selector:
                continue
            [port] = each["spec"]["ports"]
            workload = self.workload(selector["app"])
            [target] = [p["containerPort"] for p in container(workload)["ports"] if p["name"] == port["targetPort"]]
            self.services[each["metadata"]["name"]] = Service(self.loop, port["port"], target)

    def workload(self, app):
        kind = "StatefulSet" if app in ("postgres", "redis") else "Deployment"
        return find(self.objects, kind, app)

    def service_of(self, app):
        return self.services.get(f"{app}-service") or self.services[app]

    def endpoints_changed(self, app, lag=LAG):
        def tell():
            self.service_of(app).set(p.address for p in self.pods[app] if p.ready and not p.terminating)

        threading.Timer(lag, tell).start()

    # Deployments.

    def replicas(self, app):
        asked = self.workload(app)["spec"].get("replicas")
        if asked is None:
            [scaler] = [s for s in of_kind(self.objects, "HorizontalPodAutoscaler") if s["metadata"]["name"] == app]
            asked = scaler["spec"]["minReplicas"]
        return asked

    def add(self, app):
        with self.lock:
            number = self.numbers[app] = self.numbers.get(app, -1) + 1
            self.pods.setdefault(app, [])
        made = Pod(self, app, number, self.objects, self.workload(app))
        self.pods[app].append(made)
        return made

    def wait_ready(self, *pods, seconds=120):
        for each in pods:
            wait(f"{each.name} to be ready", lambda each=each: each.ready, seconds, lambda each=each: each.log()[-3000:])

    def up(self, *apps):
        started = [self.add(app) for app in apps for _ in range(self.replicas(app))]
        self.wait_ready(*started)
        for app in apps:
            wait(f"endpoints of {app}", lambda app=app: len(self.service_of(app).endpoints) == self.replicas(app), 20)

    def roll(self, app):
        """An update: a new pod, and when it is ready an old one goes, until all are new."""
        rolling = self.workload(app)["spec"]["strategy"]["rollingUpdate"]
        assert rolling == {"maxSurge": 1, "maxUnavailable": 0}, rolling
        leaving = []
        for old in list(self.pods[app]):
            self.wait_ready(self.add(app))
            thread = threading.Thread(target=self.remove, args=(old,))
            thread.start()
            leaving.append(thread)
        for thread in leaving:
            thread.join(120)

    def remove(self, old):
        old.terminate()
        self.pods[old.app].remove(old)
        self.gone.append(old)

    def apply(self, version, apps):
        """`kubectl apply -k`: all Deployments begin to roll at once."""
        self.objects = self.render(version)
        rolling = [threading.Thread(target=self._rolled, args=(app,)) for app in apps]
        self.errors = []
        for thread in rolling:
            thread.start()
        for thread in rolling:
            thread.join(600)
        assert not self.errors, self.errors

    def _rolled(self, app):
        try:
            self.roll(app)
        except BaseException as error:
            self.errors.append(f"{app}: {error}")

    def migrate(self):
        """The Job: its pod's log and exit status."""
        job = Pod(self, "migrate", self.numbers.setdefault("migrate", 0), self.objects, find(self.objects, "Job", "migrate"))
        self.numbers["migrate"] += 1
        code = int(self.engine.podman("wait", job.inner))
        log = job.log()
        self.engine.podman("pod", "rm", "--force", job.name)
        return code, log

    # The ingress controller.

    def open_ingress(self):
        self.https = free_port()
        (self.folder / "nginx").mkdir(exist_ok=True)
        self._certificate()
        servers = "".join(self._server(host) for host in (API, ADMIN))
        upstreams = "".join(
            f"upstream {name} {{ server {NODE}:{service.port}; keepalive 32; }}\n"
            for name, service in self.services.items()
            if name in ("gateway-service", "frontend-service")
        )
        (self.folder / "nginx/nginx.conf").write_text(
            f"""daemon off; user root; worker_processes 2; pid {self.folder}/nginx/pid; error_log {self.folder}/nginx/error.log warn;
events {{ worker_connections 512; }}
http {{
access_log off;
client_body_temp_path {self.folder}/nginx/body; proxy_temp_path {self.folder}/nginx/proxy;
fastcgi_temp_path {self.folder}/nginx/f; uwsgi_temp_path {self.folder}/nginx/u; scgi_temp_path {self.folder}/nginx/s;
ssl_certificate {self.folder}/nginx/tls.pem; ssl_certificate_key {self.folder}/nginx/tls.key;
map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
{upstreams}{servers}}}
"""
        )
        log = open(self.folder / "nginx/out.log", "wb")
        self.ingress = subprocess.Popen(["nginx", "-c", self.folder / "nginx/nginx.conf"], stdout=log, stderr=log)
        self.tls = ssl.create_default_context(cafile=str(self.folder / "nginx/tls.pem"))
        wait("the ingress", self._answers, 30)

    def _answers(self):
        try:
            return self.call("GET", API, "/health").status == 200
        except OSError:
            return False

    def _certificate(self):
        names = f"subjectAltName=DNS:{API},DNS:{ADMIN}"
        self.engine.run(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", f"/CN={DOMAIN}", "-addext", names,
            "-keyout", self.folder / "nginx/tls.key", "-out", self.folder / "nginx/tls.pem",
        )

    def _server(self, host):
        """As ingress-nginx: one server for each host, with the locations of all Ingress objects."""
        locations = ""
        for ingress in of_kind(self.objects, "Ingress"):
            annotations = {name.split("/")[1]: value for name, value in ingress["metadata"]["annotations"].items()}
            denied = annotations.get("denylist-source-range", "")
            rules = [rule for rule in ingress["spec"]["rules"] if rule["host"] == host]
            for path in (path for rule in rules for path in rule["http"]["paths"]):
                if denied:
                    body = "".join(f"deny {each}; " for each in denied.split(","))
                else:
                    body = (
                        f"client_max_body_size {annotations['proxy-body-size']}; "
                        f"proxy_buffering {annotations['proxy-buffering']}; "
                        f"proxy_request_buffering {annotations['proxy-request-buffering']}; "
                        f"proxy_read_timeout {annotations['proxy-read-timeout']}s; "
                    )
                name = path["backend"]["service"]["name"]
                target = name if name in self.services else f"{NODE}:9"
                locations += f"""location {path['path']} {{ {body}
  proxy_pass http://{target}; proxy_http_version 1.1;
  proxy_set_header Connection $connection_upgrade; proxy_set_header Upgrade $http_upgrade; proxy_set_header Host $host;
  proxy_set_header X-Real-IP $remote_addr; proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto https; }}
"""
        return f"server {{ listen 127.0.0.1:{self.https} ssl; server_name {host};\n{locations}}}\n"

    # From outside.

    def connection(self, host):
        return Connection(host, self.https, self.tls)

    def call(self, method, host, path, body=None, token=None, **headers):
        connection = self.connection(host)
        try:
            return connection.call(method, path, body, token, **headers)
        finally:
            connection.close()

    def one_time_password(self):
        """As the chart's notes have it made."""
        return self.saas("core", "user", "reset-password", "admin@localhost").strip()

    def sign_in(self, person):
        answer = self.call("POST", API, "/api/core/v1/auth/login", person)
        return answer.json()["access_token"] if answer.status == 200 else None

    def administrator(self):
        """An access token. The first time, the one-time password is changed to the README's."""
        person = {"email": "admin@localhost", "password": "three green teapots"}
        token = self.sign_in(person)
        if not token:
            once = self.one_time_password()
            change = {"current_password": once, "new_password": person["password"]}
            first = self.sign_in(person | {"password": once})
            token = self.call("POST", API, "/api/core/v1/me/password", change, first).json()["access_token"]
        return token

    def sign_up(self, name):
        """A tenant's owner's access token. In production an operator lets in who signed up."""
        person = {"email": f"owner@{name}.example", "password": f"a kettle and {name} leaves"}
        made = self.call("POST", API, "/api/core/v1/auth/signup", person | {"name": "Owner", "tenant_name": name})
        assert made.status == 202, made
        operator = self.administrator()
        people = self.call("GET", API, "/api/core/v1/users", token=operator).json()["items"]
        [waiting] = [one["id"] for one in people if one["email"] == person["email"]]
        self.call("POST", API, f"/api/core/v1/users/{waiting}/enable", token=operator)
        return self.sign_in(person)

    def saas(self, app, *arguments):
        return self.engine.podman("exec", self.pods[app][0].inner, "/usr/local/bin/saas", *arguments)

    def instances(self, service):
        """Those that are up, as the registry tells who may ask."""
        connection = http.client.HTTPConnection(NODE, 8001, timeout=10)
        try:
            head = {"Authorization": f"Bearer {self.secrets['METRICS_TOKEN']}"}
            connection.request("GET", f"/v1/services/{service}/instances?status=up", headers=head)
            return json.loads(connection.getresponse().read()).get("items", [])
        finally:
            connection.close()

    def close(self):
        if self.ingress:
            self.ingress.send_signal(signal.SIGTERM)
            self.ingress.wait(10)
        # What they said is worth keeping: a test that failed can be understood by it alone.
        told = ROOT / "test-results/kubernetes"
        shutil.rmtree(told, ignore_errors=True)
        told.mkdir(parents=True)
        for each in [*self.gone, *(one for pods in self.pods.values() for one in pods)]:
            each.ended.set()
            (told / f"{each.name}.log").write_text(each.last_words if each in self.gone else each.log())
        self.engine.run("podman", "pod", "rm", "--all", "--force", check=False)
        for service in self.services.values():
            service.close()
        self.engine.run("podman", "network", "rm", "--force", NETWORK, check=False)
        asyncio.run_coroutine_threadsafe(self._end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)

    async def _end(self):
        # Whoever is cut off now is of no interest.
        self.loop.set_exception_handler(lambda *_: None)
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
