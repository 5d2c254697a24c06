"""What is done to the platform. Each fault says whom it spares, which is a promise of docs/FAILURES.md."""

import pathlib
import signal
import time

from clients import BUSINESS, CORE, EVERYTHING, REGISTRY
from servers import wait_for

FAKETIME = sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


class Fault:
    """`inject`, a while, `heal`. In between none of the `spares` fails, and afterwards all is well within `healed_within` seconds."""

    forms = ("distributed",)
    lasts = (2.0, 5.0)
    spares = frozenset()
    # Gateways may not hear of revocations meanwhile: what is not strict goes on.
    severs_trust = False
    # Statuses that it excuses beside those of `ledger.EXCUSED`.
    also = frozenset()
    healed_within = 45.0

    def __init__(self, what, rng):
        self.what, self.rng, self.touched = what, rng, ()
        self.choose()

    def choose(self):
        """Whom it meets this time."""

    @property
    def name(self):
        return type(self).title

    def inject(self):
        raise NotImplementedError

    def heal(self):
        raise NotImplementedError

    def during(self, seconds):
        time.sleep(seconds)

    def members(self, *roles):
        return [member for member in self.what.members + self.what.services if member.role in roles]


class OfOne(Fault):
    """Something that is done to one process."""

    role = None

    def choose(self):
        self.member = self.rng.choice(self.members(*self.role.split()))
        if self.member.port in self.what.gateways:
            self.touched = (self.member.port,)

    @property
    def name(self):
        return f"{type(self).title}: {self.member.name}"


class Killed(OfOne):
    def inject(self):
        self.member.kill()

    def heal(self):
        self.member.start()


class Frozen(OfOne):
    lasts = (3.0, 8.0)

    def inject(self):
        self.member.send(signal.SIGSTOP)

    def heal(self):
        self.member.send(signal.SIGCONT)


class GatewayKilled(Killed):
    title, role, spares = "SIGKILL", "gateway", EVERYTHING


class RegistryKilled(Killed):
    title, role, spares = "SIGKILL", "registry", BUSINESS | CORE


class CoreKilled(Killed):
    title, role, spares, severs_trust = "SIGKILL", "core", BUSINESS | REGISTRY, True


class ServiceKilled(Killed):
    title, role, spares = "SIGKILL", "orders billing", (EVERYTHING - {"business-write"})


class GatewayFrozen(Frozen):
    title, role, spares, severs_trust = "SIGSTOP", "gateway", EVERYTHING, True


class RegistryFrozen(Frozen):
    title, role, spares = "SIGSTOP", "registry", BUSINESS | CORE


class CoreFrozen(Frozen):
    title, role, spares, severs_trust = "SIGSTOP", "core", BUSINESS | REGISTRY, True


class ServiceFrozen(Frozen):
    title, role, spares = "SIGSTOP", "orders billing", CORE | REGISTRY


class UpKilled(Killed):
    title, role, forms, severs_trust = "SIGKILL", "up", ("one process",), True


class UpFrozen(Frozen):
    title, role, forms, severs_trust = "SIGSTOP", "up", ("one process",), True


class PostgresFault(Fault):
    # Without a database nobody signs out, and what core tells is not confirmed.
    spares, severs_trust = BUSINESS, True


class PostgresKilled(PostgresFault):
    title = "PostgreSQL killed"

    def inject(self):
        self.what.postgres.kill()

    def heal(self):
        self.what.postgres.start()
        self.what.postgres.wait_until_open()


class PostgresRestarted(PostgresKilled):
    title, lasts = "PostgreSQL restarted", (0.0, 0.5)

    def inject(self):
        self.what.postgres.stop()


class PostgresFull(PostgresKilled):
    """Only where the suite may mount a disk for it."""

    title = "PostgreSQL's disk full"

    def inject(self):
        # Where it is not its own, it is left alone.
        if self.what.postgres.is_small:
            self.what.postgres.fill()

    def heal(self):
        postgres = self.what.postgres
        postgres.make_room()
        # Without room for its log it ends; whoever supervises it starts it again.
        if postgres.process.poll() is not None:
            postgres.start()
        postgres.wait_until_open()


class Severed(Fault):
    """Something that is done to cables."""

    words = ()

    def inject(self):
        for cable in self.what.cables_of(*self.words):
            self.do(cable)

    def heal(self):
        for cable in self.what.cables_of(*self.words):
            cable.mend()


class PostgresSlow(Severed):
    title, words, spares, severs_trust = "PostgreSQL slow", ("postgres of",), BUSINESS, True

    def do(self, cable):
        cable.stretch(0.15)


class PostgresCut(Severed):
    title, words, spares, severs_trust = "connections to PostgreSQL cut", ("postgres of",), BUSINESS, True

    def do(self, cable):
        cable.cut()

    def during(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(self.rng.uniform(0.1, 0.8))
            self.inject()


class PostgresSilent(Severed):
    title, words, spares, severs_trust = "PostgreSQL does not answer", ("postgres of",), BUSINESS, True
    lasts = (3.0, 8.0)

    def do(self, cable):
        cable.freeze()


class RedisKilled(Fault):
    title, spares = "Redis killed", EVERYTHING

    def inject(self):
        self.what.redis.kill()

    def heal(self):
        self.what.redis.start()


class RedisRestarted(RedisKilled):
    title, lasts = "Redis restarted, empty", (0.0, 0.5)


class RedisSlow(Severed):
    title, words, spares = "Redis slow", ("redis of",), EVERYTHING

    def do(self, cable):
        cable.stretch(0.25)


class RedisCut(PostgresCut):
    title, words, spares, severs_trust = "connections to Redis cut", ("redis of",), EVERYTHING, False


class RedisSilent(Severed):
    title, words, spares = "Redis does not answer", ("redis of",), EVERYTHING
    lasts = (3.0, 6.0)

    def do(self, cable):
        cable.freeze()


class RegistryPartitioned(Severed):
    """Neither the database nor anybody who asks reaches one replica; the gateways still see its port."""

    spares, severs_trust = BUSINESS | CORE, False
    lasts = (3.0, 8.0)

    role, of = "registry", ()

    def choose(self):
        self.member = self.rng.choice(self.members(self.role))
        self.words = (*self.of, self.member.name)
        self.how = self.rng.choice(("freeze", "pull"))

    @property
    def name(self):
        return f"partitioned ({self.how}): {self.member.name}"

    def do(self, cable):
        getattr(cable, self.how)()


class CorePartitioned(RegistryPartitioned):
    """One core does not reach the database any more."""

    spares, severs_trust = BUSINESS | REGISTRY, True
    role, of = "core", ("postgres of",)


class CoreBlindAndAlone(CorePartitioned):
    """One core does not reach the database, and the other, from which the gateways know better, is killed."""

    spares, lasts = BUSINESS, (3.0, 5.0)

    @property
    def name(self):
        return f"partitioned: {self.member.name}, and the other killed"

    def during(self, seconds):
        time.sleep(seconds)
        self.other = next(member for member in self.members("core") if member is not self.member)
        self.other.kill()
        time.sleep(seconds)

    def heal(self):
        super().heal()
        self.other.start()


class DiskFull(OfOne):
    """Nothing can be written to the data directory. The gateway's holds its last good copy."""

    title, role, spares = "disk full", "gateway registry core", EVERYTHING

    def inject(self):
        self.member.limit_files(0)

    def heal(self):
        self.member.limit_files(-1)


class UpDiskFull(DiskFull):
    role, forms, spares = "up", ("one process",), BUSINESS

    def inject(self):
        files = [file for file in self.member.data.iterdir() if file.is_file()]
        self.member.limit_files(max(file.stat().st_size for file in files))


class ClockStep(OfOne):
    """The machine's clock is set, and after a while set right. The process is started anew for it, under libfaketime."""

    title, lasts, severs_trust = "clock", (3.0, 6.0), True
    # Tokens end, or have not begun, by one clock and not by the other.
    also = frozenset({401})

    def choose(self):
        super().choose()
        self.seconds = self.rng.choice([-3600, -600, -45, 45, 600, 3600])

    @property
    def name(self):
        return f"clock {self.seconds:+} s: {self.member.name}"

    def inject(self):
        self.file = self.what.folder / f"{self.member.name}.clock"
        self.set(0)
        self.member.stop()
        self.member.start(
            LD_PRELOAD=str(FAKETIME[0]),
            FAKETIME_TIMESTAMP_FILE=str(self.file),
            FAKETIME_DONT_FAKE_MONOTONIC="1",
            FAKETIME_CACHE_DURATION="1",
            FAKETIME_NO_CACHE="0",
        )
        wait_for(f"readiness of {self.member.name}", self.member.is_ready)
        time.sleep(1)
        self.set(self.seconds)

    def set(self, seconds):
        replacement = self.file.with_suffix(".new")
        replacement.write_text(f"{seconds:+}s\n")
        replacement.rename(self.file)

    def heal(self):
        self.set(0)


class CoreClock(ClockStep):
    role, spares = "core", BUSINESS


class RegistryClock(ClockStep):
    role, spares = "registry", BUSINESS


class GatewayClock(ClockStep):
    role = "gateway"


class UpClock(ClockStep):
    role, forms = "up", ("one process",)


class RollingRestart(Fault):
    """Every process in turn, as `docker compose` and Kubernetes do it: SIGTERM, and the next when it is ready again."""

    title, spares, lasts = "rolling restart of everything", EVERYTHING, (0.0, 0.0)

    def inject(self):
        for member in self.members("registry", "core", "gateway", "orders", "billing"):
            member.stop()
            member.start()
            wait_for(f"readiness of {member.name}", member.is_ready)
            if not member.data:
                service = member.name.partition("-")[0]
                wait_for(f"registration of {member.name}", lambda: self.registered(service, member.port))

    def registered(self, service, port):
        listed = self.what.ask_registry(f"/v1/services/{service}/instances?status=up")
        return any(one["port"] == port for one in listed)

    def heal(self):
        pass


FAULTS = [each for each in globals().values() if isinstance(each, type) and issubclass(each, Fault) and hasattr(each, "title") and each is not ClockStep]
FAULTS += [RegistryPartitioned, CorePartitioned, CoreBlindAndAlone]
