"""The kubelet's part: runs a pod by Podman (`podman kube play`), puts its containers' variables together,
probes, runs preStop, sends SIGTERM, and SIGKILL when terminationGracePeriodSeconds are over."""

import copy
import http.client
import os
import threading
import time

import yaml
from kubernetes_manifests import container, environment, pod


class Pod:
    """One pod: its probes run from the start until it is asked to end."""

    def __init__(self, cluster, app, number, objects, workload):
        self.cluster, self.app, self.name = cluster, app, f"{app}-{number}"
        self.spec, self.box = copy.deepcopy(pod(workload)), container(workload)
        self.address = cluster.next_address()
        self.ready = self.terminating = False
        self.restarts, self.code, self.took = 0, None, None
        file = cluster.folder / f"{self.name}.yaml"
        file.write_text(yaml.safe_dump_all(self._for_podman(objects, workload)))
        self.began = time.monotonic()
        cluster.engine.podman("kube", "play", "--quiet", "--network", cluster.network, "--ip", self.address, file)
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
        spec["hostAliases"] = [{"ip": self.cluster.node, "hostnames": self.cluster.names}]
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
