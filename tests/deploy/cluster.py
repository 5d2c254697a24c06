"""A stand-in for a cluster. Podman runs the pods of the manifests; what it does not know, these do, as the
components of Kubernetes do it:

  pods.py     kubelet: variables, probes, preStop, SIGTERM, SIGKILL
  proxy.py    kube-proxy: Services, which hear of a change a while later
  ingress.py  the ingress controller
  cluster.py  Deployment: as many pods as asked for; an update by maxSurge and maxUnavailable

Network policies, the spread over nodes, autoscaling and certificates of a public authority are not
stood in for: nothing here says anything about them.
"""

import asyncio
import pathlib
import shutil
import threading

from client import ADMIN, ADMINISTRATOR, API, Client
from engine import HUB, ROOT, wait
from ingress import Ingress
from kubernetes_manifests import container, find, fresh_secrets, kustomize, of_kind
from pods import Pod
from proxy import Service

NETWORK, PREFIX = "saas_kubernetes", "172.31.77"
NODE = f"{PREFIX}.1"
# From an endpoint's change until every node's kube-proxy and the ingress controller know.
LAG = 3
REDIS = "redis.databases.svc.cluster.local"
POSTGRES = "postgres.databases.svc.cluster.local"


class Cluster(Client):
    """The production overlay with PostgreSQL and Redis of the development overlay beside it."""

    network, node, registry = NETWORK, NODE, NODE

    def __init__(self, engine, folder, version):
        self.engine, self.folder = engine, pathlib.Path(folder)
        self.lock, self.numbers, self.addresses = threading.Lock(), {}, iter(range(10, 200))
        self.pods, self.gone = {}, []
        self.secrets = fresh_secrets()
        self.metrics_token = self.secrets["METRICS_TOKEN"]
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
            "ADMIN_EMAIL": ADMINISTRATOR["email"],
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

    @property
    def names(self):
        """What the cluster's DNS knows."""
        return [*self.services, REDIS, POSTGRES]

    def open_services(self):
        for each in of_kind(self.objects, "Service"):
            selector = each["spec"].get("selector")
            if not selector:
                continue
            [port] = each["spec"]["ports"]
            workload = self.workload(selector["app"])
            [target] = [p["containerPort"] for p in container(workload)["ports"] if p["name"] == port["targetPort"]]
            self.services[each["metadata"]["name"]] = Service(self.loop, NODE, port["port"], target)

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

    # From outside.

    def open_ingress(self):
        self.ingress = Ingress(self.engine, self.folder / "nginx", NODE, self.services, self.objects)
        self.https, self.authority = self.ingress.https, self.ingress.authority
        wait("the ingress", self._answers, 30)

    def _answers(self):
        try:
            return self.call("GET", API, "/health").status == 200
        except OSError:
            return False

    def one_time_password(self):
        """As docs/KUBERNETES.md and the chart's notes have it made."""
        return self.saas("core", "user", "reset-password", ADMINISTRATOR["email"]).strip()

    def saas(self, app, *arguments):
        """What a `saas` command says, run in the first of a Deployment's pods: what `kubectl exec` does."""
        return self.engine.podman("exec", self.pods[app][0].inner, "/usr/local/bin/saas", *arguments)

    def close(self):
        if self.ingress:
            self.ingress.close()
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
