"""What the platform holds of the machine's memory."""

import concurrent.futures

from running_platform import Platform, call

PEOPLE = 5
EACH = 6
# Hashing a password takes 19 MiB, until it is answered.
ALLOWED_MIB = 40


def resident_mib(process):
    with open(f"/proc/{process.pid}/status") as status:
        line = next(line for line in status if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def test_memory_of_password_hashing_is_given_back():
    with Platform() as platform:
        idle = resident_mib(platform.process)
        names = [f"team{number}" for number in range(PEOPLE)]
        people = [{"email": f"owner@{name}.example", "password": f"a kettle and {name} leaves"} for name in names]
        for name in names:
            platform.sign_up(name)

        def sign_in(person):
            return [call("POST", f"{platform.api}/core/v1/auth/login", person).status for _ in range(EACH)]

        with concurrent.futures.ThreadPoolExecutor(PEOPLE) as at_once:
            answers = [status for statuses in at_once.map(sign_in, people) for status in statuses]
        assert answers == [200] * PEOPLE * EACH
        more = resident_mib(platform.process) - idle
        assert more < ALLOWED_MIB, f"{more:.0f} MiB above {idle:.0f} MiB, with no password being hashed"
