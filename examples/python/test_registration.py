"""The registration against a stand-in registry, over real HTTP."""

import http.server
import json
import queue
import threading
import unittest

from registration import Refused, Registration

PATIENCE = 20  # seconds; reached only when something is broken


class StandIn:
    """A registry that keeps what it was asked and answers as told.

    Calls are handed over one by one, so that a test waits for what it expects
    and never for time to pass.
    """

    def __init__(self):
        self.calls = queue.Queue()
        self.answers = {}
        stand_in = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                length = int(self.headers.get("Content-Length", 0))
                body = json.loads(self.rfile.read(length)) if length else None
                verb = self.path.split("?")[0].rsplit("/", 1)[-1]
                action = f"{self.command} {verb if verb in ('heartbeat', 'drain', 'instances') else 'instance'}"
                status, answer = stand_in.take(action)
                text = json.dumps(answer).encode() if answer is not None else b""
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
                stand_in.calls.put((action, self.path, body, dict(self.headers)))

            do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=[0.01], daemon=True).start()

    USUAL = {
        "POST instances": (201, {"id": "x", "lease_expires_at": "", "heartbeat_seconds": 0.005}),
        "PUT heartbeat": (200, {}),
        "POST drain": (200, {"drained": True, "waiting_for": [], "unknown": []}),
        "DELETE instance": (204, None),
    }

    def take(self, action):
        told = self.answers.get(action)
        return told.pop(0) if told else self.USUAL[action]

    def expect(self, action):
        """The next call of this kind; others before it are passed over."""
        while True:
            call = self.calls.get(timeout=PATIENCE)
            if call[0] == action:
                return call

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class RegistrationTest(unittest.TestCase):
    def setUp(self):
        self.registry = StandIn()
        self.addCleanup(self.registry.close)
        self.said = []

    def registration(self, **more):
        made = Registration(
            self.registry.url,
            "orders",
            "127.0.0.1",
            9001,
            first_pause=0.001,
            say=self.said.append,
            **more,
        )
        self.addCleanup(made.leave, 0)
        return made

    def started(self, **more):
        made = self.registration(**more)
        made.start()
        self.assertTrue(made.wait(PATIENCE))
        return made

    def test_registers_with_what_the_registry_needs(self):
        made = self.started(version="1.2", token="secret")
        _, path, body, headers = self.registry.expect("POST instances")
        self.assertEqual(path, "/v1/services/orders/instances")
        self.assertEqual(
            body,
            {
                "id": made.instance,
                "address": "127.0.0.1",
                "port": 9001,
                "lease_seconds": 15,
                "version": "1.2",
            },
        )
        self.assertEqual(headers["Authorization"], "Bearer secret")

    def test_sends_no_authorization_without_a_token(self):
        self.started()
        self.assertNotIn("Authorization", self.registry.expect("POST instances")[3])

    def test_goes_on_sending_heartbeats(self):
        made = self.started()
        for _ in range(3):
            path = self.registry.expect("PUT heartbeat")[1]
            self.assertEqual(path, f"/v1/services/orders/instances/{made.instance}/heartbeat")

    def test_registers_again_under_the_same_name_when_forgotten(self):
        self.registry.answers["PUT heartbeat"] = [(404, {"detail": "unknown instance"})]
        made = self.started()
        first = self.registry.expect("POST instances")
        again = self.registry.expect("POST instances")
        self.assertEqual(first[2], again[2])
        self.assertEqual(again[2]["id"], made.instance)
        self.registry.expect("PUT heartbeat")

    def test_waits_for_a_registry_that_is_away_and_says_so_once(self):
        self.registry.answers["POST instances"] = [(503, {"detail": "the database is away"})] * 4
        self.started()
        self.assertEqual(len(self.said), 1)
        self.assertIn("the database is away", self.said[0])

    def test_a_missed_heartbeat_does_not_register_again(self):
        self.registry.answers["PUT heartbeat"] = [(503, {}), (500, {}), (429, {})]
        self.started()
        self.registry.expect("POST instances")
        seen = [self.registry.calls.get(timeout=PATIENCE)[0] for _ in range(5)]
        self.assertEqual(seen, ["PUT heartbeat"] * 5)

    def test_a_refusal_at_the_start_is_told_with_the_registrys_words(self):
        refusal = (403, {"detail": "this token is for billing"})
        self.registry.answers["POST instances"] = [refusal]
        made = self.registration()
        made.start()
        with self.assertRaisesRegex(Refused, "this token is for billing"):
            made.wait(PATIENCE)

    def test_a_url_that_is_no_registry_is_told(self):
        self.registry.answers["POST instances"] = [(404, None)]
        made = self.registration()
        made.start()
        with self.assertRaisesRegex(Refused, "is this the registry"):
            made.wait(PATIENCE)

    def test_drains_before_it_leaves(self):
        made = self.started()
        made.leave(7)
        path = self.registry.expect("POST drain")[1]
        self.assertEqual(path, f"/v1/services/orders/instances/{made.instance}/drain?wait=7")
        path = self.registry.expect("DELETE instance")[1]
        self.assertEqual(path, f"/v1/services/orders/instances/{made.instance}")
        self.assertEqual(self.said, [])

    def test_tells_whom_a_drain_waited_for(self):
        answer = {"drained": False, "waiting_for": ["gateway-1"], "unknown": ["gateway-2"]}
        self.registry.answers["POST drain"] = [(200, answer)]
        self.started().leave(1)
        self.assertIn("['gateway-1', 'gateway-2']", self.said[0])
        self.registry.expect("DELETE instance")

    def test_does_not_come_back_while_leaving(self):
        made = self.started()
        self.registry.expect("POST instances")
        self.registry.answers["PUT heartbeat"] = [(404, {})] * 100
        self.registry.answers["POST drain"] = [(404, {})]
        made._leaving.set()
        made._thread.join(PATIENCE)
        made.leave(1)
        seen = set()
        while not self.registry.calls.empty():
            seen.add(self.registry.calls.get()[0])
        self.assertNotIn("POST instances", seen)

    def test_leaves_although_the_registry_is_gone(self):
        made = self.started()
        self.registry.close()
        made.leave(0)
        self.assertIn("could not leave the registry properly", self.said[-1])

    def test_leaving_before_the_first_registration_asks_for_nothing(self):
        self.registry.answers["POST instances"] = [(503, {})] * 10_000
        made = self.registration()
        made.start()
        self.registry.expect("POST instances")
        made.leave(30)
        while not self.registry.calls.empty():
            self.assertEqual(self.registry.calls.get()[0], "POST instances")


if __name__ == "__main__":
    unittest.main()
