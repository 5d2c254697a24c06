"""The manifests of k8s/ and the chart of helm/, rendered by the real tools, and read as a node would."""

import base64
import pathlib
import re
import secrets
import shutil
import subprocess
import sys

import helm_python
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
KUBECTL = pathlib.Path(sys.executable).parent / "kubectl"
CHART = ROOT / "helm/saas-platform"
NAMESPACE = "saas-platform"


def fresh_secrets(**values):
    """Values for the example's keys, as strong as production wants them."""
    made = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "METRICS_TOKEN": secrets.token_hex(24),
        "REDIS_PASSWORD": secrets.token_hex(16),
        "POSTGRES_PASSWORD": secrets.token_hex(16),
        "DATABASE_URL": "postgresql://saas_user:letters@postgres:5432/saas_platform",
    }
    return made | values


def lines(values):
    return "".join(f"{name}={value}\n" for name, value in values.items())


def kustomize(folder, overlay, secret_values, settings=None, components=(), images=None):
    """What `kubectl apply -k` would send, from a copy in `folder`. `images` replaces what stands
    before the images' names, and the tag."""
    shutil.rmtree(folder / "k8s", ignore_errors=True)
    shutil.copytree(ROOT / "k8s", folder / "k8s")
    here = folder / "k8s/overlays" / overlay
    if images:
        file = here / "kustomization.yaml"
        text = re.sub(r"newName: \S+/", f"newName: {images[0]}", file.read_text())
        file.write_text(re.sub(r"newTag: \S+", f"newTag: {images[1]}", text))
    (here / "secrets.env").write_text(lines(secret_values))
    said = re.findall(r"^([A-Z_]+)=(.*)$", (here / "settings.env").read_text(), re.M)
    (here / "settings.env").write_text(lines(dict(said) | (settings or {})))
    if components:
        with open(here / "kustomization.yaml", "a") as file:
            file.write("components:\n" + "".join(f"  - ../../components/{each}\n" for each in components))
    done = subprocess.run([KUBECTL, "kustomize", here], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def helm(values=None, **how):
    """What the chart makes of these values."""
    with helm_python.Chart.load(str(CHART)) as chart:
        made = chart.render(values or {}, name="saas", namespace=NAMESPACE, **how)
    texts = (text for name, text in made.items() if not name.endswith("NOTES.txt"))
    objects = [each for text in texts for each in yaml.safe_load_all(text) if each]
    for each in objects:
        # Helm adds it on the way to the API server.
        each["metadata"].setdefault("namespace", NAMESPACE)
    return objects


def find(objects, kind, name):
    [found] = [each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def of_kind(objects, *kinds):
    return [each for each in objects if each["kind"] in kinds]


def pod(workload):
    """The pod's description in a Deployment, StatefulSet, Job or CronJob."""
    return template(workload)["spec"]


def template(workload):
    """What pods are made from."""
    spec = workload["spec"]
    return spec.get("jobTemplate", {"spec": spec})["spec"]["template"]


def container(workload):
    [only] = pod(workload)["containers"]
    return only


def data(objects, kind, name):
    found = [each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name]
    return decoded(found[0]) if found else {}


def decoded(resource):
    made = dict(resource.get("data") or {})
    if resource["kind"] == "Secret":
        made = {key: base64.b64decode(value).decode() for key, value in made.items()} | resource.get("stringData", {})
    return made


def environment(objects, box, pod_ip):
    """The variables a container gets, put together as the kubelet does it: first whole ConfigMaps,
    then one by one, with $(NAME) replaced by what was said before."""
    made = {}
    for source in box.get("envFrom", []):
        made |= data(objects, "ConfigMap", source["configMapRef"]["name"])
    for variable in box.get("env", []):
        name, source = variable["name"], variable.get("valueFrom", {})
        if "value" in variable:
            made[name] = re.sub(r"\$\((\w+)\)", lambda m: made.get(m[1], m[0]), variable["value"])
        elif "fieldRef" in source:
            assert source["fieldRef"]["fieldPath"] == "status.podIP", source
            made[name] = pod_ip
        else:
            kind = "ConfigMap" if "configMapKeyRef" in source else "Secret"
            reference = source.get("configMapKeyRef") or source["secretKeyRef"]
            values = data(objects, kind, reference["name"])
            if reference["key"] in values:
                made[name] = values[reference["key"]]
            else:
                assert reference.get("optional"), f"{reference['name']} has no {reference['key']}, and {name} needs it"
    return made
