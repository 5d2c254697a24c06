"""The service over real HTTP, and as a process of its own."""

import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

from order_store import OrderStore
from orders import LARGEST_BODY, OrdersServer
from test_registration import PATIENCE, StandIn

ONE, OTHER = "01890000-0000-7000-8000-000000000001", "01890000-0000-7000-8000-000000000002"


class ServiceCase(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.data = pathlib.Path(directory.name) / "made" / "orders.db"

    def call(self, method, path, body=None, headers=None, tenant=ONE):
        """(status, headers, parsed body)"""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        everything = {"X-Tenant-Id": tenant} if tenant else {}
        everything.update(headers or {})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, everything)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, answer.headers, json.loads(text) if text else None
        finally:
            connection.close()


class OrdersTest(ServiceCase):
    def setUp(self):
        super().setUp()
        self.server = OrdersServer(("127.0.0.1", 0), OrderStore(self.data))
        self.server.instance = "orders-1"
        self.server.RequestHandlerClass = type(
            "Quiet", (self.server.RequestHandlerClass,), {"log_message": lambda *_: None}
        )
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=[0.01], daemon=True).start()
        self.addCleanup(self.server.stop)

    def assertProblem(self, answer, status, code):
        self.assertEqual(answer[0], status, answer[2])
        self.assertEqual(answer[1]["Content-Type"], "application/problem+json")
        self.assertEqual(answer[2]["status"], status)
        self.assertEqual(answer[2]["code"], code)
        self.assertTrue(answer[2]["detail"])

    def test_an_order_is_created_and_read_back(self):
        headers = {"X-User-Id": "somebody"}
        status, sent, order = self.call(
            "POST", "/v1/orders", {"item": " tea ", "quantity": 3, "note": "绿茶"}, headers
        )
        self.assertEqual(status, 201)
        self.assertEqual(order["item"], "tea")
        self.assertEqual(order["quantity"], 3)
        self.assertEqual(order["note"], "绿茶")
        self.assertEqual(order["created_by"], "somebody")
        self.assertEqual(sent["Location"], f"/v1/orders/{order['id']}")
        status, _, again = self.call("GET", sent["Location"])
        self.assertEqual((status, again), (200, order))

    def test_requests_are_counted_by_template(self):
        order = self.call("POST", "/v1/orders", {"item": "tea"})[2]
        self.call("GET", f"/v1/orders/{order['id']}")
        self.call("GET", "/v1/orders/nothing-of-the-kind")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        self.addCleanup(connection.close)
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        self.assertIn("version=0.0.4", answer.headers["Content-Type"])
        text = answer.read().decode()
        for line in (
            'http_requests_total{method="POST",endpoint="/v1/orders",status="201"} 1',
            'http_requests_total{method="GET",endpoint="/v1/orders/{id}",status="200"} 1',
            'http_requests_total{method="GET",endpoint="other",status="404"} 1',
            'http_request_duration_seconds_bucket{method="GET",endpoint="other",le="+Inf"} 1',
            'http_request_duration_seconds_count{method="GET",endpoint="other"} 1',
        ):
            self.assertIn(f"{line}\n", text)
        self.assertNotIn(order["id"], text)

    def test_lists_go_page_by_page_newest_first(self):
        for number in range(5):
            self.call("POST", "/v1/orders", {"item": f"item {number}"})
        seen, query = [], "?limit=2"
        while query:
            status, _, page = self.call("GET", f"/v1/orders{query}")
            self.assertEqual(status, 200)
            seen.append([order["item"] for order in page["items"]])
            query = page["next_cursor"] and f"?limit=2&cursor={page['next_cursor']}"
        self.assertEqual(seen, [["item 4", "item 3"], ["item 2", "item 1"], ["item 0"]])

    def test_another_tenant_sees_nothing_of_it(self):
        order = self.call("POST", "/v1/orders", {"item": "tea"})[2]
        path = f"/v1/orders/{order['id']}"
        self.assertEqual(self.call("GET", path)[0], 200)
        self.assertProblem(self.call("GET", path, tenant=OTHER), 404, "order_not_found")
        self.assertEqual(len(self.call("GET", "/v1/orders")[2]["items"]), 1)
        self.assertEqual(self.call("GET", "/v1/orders", tenant=OTHER)[2]["items"], [])

    def test_without_a_tenant_there_is_nothing(self):
        for method, body in (("GET", None), ("POST", {"item": "tea"})):
            answer = self.call(method, "/v1/orders", body, tenant=None)
            self.assertProblem(answer, 400, "tenant_missing")

    def test_bad_bodies_are_refused_with_a_reason(self):
        for body, code in (
            (b"", "invalid_json"),
            (b"{", "invalid_json"),
            (b"[1]", "invalid_json"),
            (b'{"item": "\xff"}', "invalid_json"),
            (b"[" * 60_000, "invalid_json"),
            ({}, "invalid_item"),
            ({"item": ""}, "invalid_item"),
            ({"item": 7}, "invalid_item"),
            ({"item": "x" * 201}, "invalid_item"),
            ({"item": "a\u0000b"}, "invalid_text"),
            (b'{"item": "\\ud800"}', "invalid_text"),
            ({"item": "tea", "quantity": 0}, "invalid_quantity"),
            ({"item": "tea", "quantity": True}, "invalid_quantity"),
            ({"item": "tea", "quantity": 1.5}, "invalid_quantity"),
            ({"item": "tea", "quantity": 10**30}, "invalid_quantity"),
            ({"item": "tea", "note": 1}, "invalid_note"),
            ({"item": "tea", "tenant_id": OTHER}, "unknown_field"),
        ):
            with self.subTest(body=body[:40] if isinstance(body, bytes) else body):
                self.assertProblem(self.call("POST", "/v1/orders", body), 400, code)
        self.assertEqual(self.call("GET", "/v1/orders")[2]["items"], [])

    def test_a_huge_body_is_refused_unread(self):
        answer = self.call("POST", "/v1/orders", b"x" * (LARGEST_BODY + 1))
        self.assertProblem(answer, 413, "body_too_large")

    def test_bad_queries_are_refused(self):
        for query in ("limit=0", "limit=201", "limit=x", "limit=-1", "cursor=", "cursor=1.0"):
            with self.subTest(query=query):
                answer = self.call("GET", f"/v1/orders?{query}")
                self.assertProblem(answer, 400, f"invalid_{query.split('=')[0]}")

    def test_what_is_not_there_is_404_and_wrong_methods_405(self):
        self.assertProblem(self.call("GET", "/nowhere"), 404, "not_found")
        self.assertProblem(self.call("GET", f"/v1/orders/{ONE}"), 404, "order_not_found")
        self.assertProblem(self.call("GET", "/v1/orders/1"), 404, "not_found")
        self.assertProblem(self.call("DELETE", "/v1/orders"), 405, "method_not_allowed")

    def test_a_connection_is_kept_over_refusals(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        self.addCleanup(connection.close)
        for body, status in ((b"{", 400), (b'{"item": "tea"}', 201), (b"[]", 400)):
            connection.request("POST", "/v1/orders", body, {"X-Tenant-Id": ONE})
            answer = connection.getresponse()
            answer.read()
            self.assertEqual(answer.status, status)
            self.assertFalse(answer.will_close)

    def test_heads_that_cannot_be_read_get_a_problem(self):
        for head, status in (
            (b"POST /v1/orders HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"411"),
            (b"POST /v1/orders HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400"),
            (b"BREW /v1/orders HTTP/1.1\r\n\r\n", b"501"),
            (b"nonsense\r\n\r\n", b"400"),
        ):
            with self.subTest(head=head):
                with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
                    connection.sendall(head)
                    answer = connection.makefile("rb").read()
                self.assertIn(status, answer.split(b"\r\n")[0])
                self.assertIn(b"application/problem+json", answer)

    def test_a_body_that_stops_half_way_is_no_order(self):
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
            connection.sendall(
                b"POST /v1/orders HTTP/1.1\r\nX-Tenant-Id: 1\r\nContent-Length: 50\r\n\r\n"
                b'{"item": "tea"}'
            )
            connection.shutdown(socket.SHUT_WR)
            answer = connection.makefile("rb").read()
        self.assertIn(b"incomplete_body", answer)
        self.assertEqual(self.call("GET", "/v1/orders", tenant="1")[2]["items"], [])

    def test_names_request_and_instance_on_every_answer(self):
        for path in ("/health", "/v1/orders", "/nowhere"):
            headers = self.call("GET", path, headers={"X-Request-Id": "abc-1"})[1]
            self.assertEqual(headers["X-Request-Id"], "abc-1")
            self.assertEqual(headers["X-Instance"], "orders-1")

    def test_a_request_id_that_is_no_word_is_not_echoed(self):
        headers = self.call("GET", "/health", headers={"X-Request-Id": "a b"})[1]
        self.assertIsNone(headers["X-Request-Id"])

    def test_whoami_shows_identity_and_no_credential(self):
        sent = {
            "X-User-Id": "u",
            "X-Roles": "owner",
            "X-Saas-Assertion": "statement",
            "Authorization": "Bearer secret",
        }
        status, _, seen = self.call("GET", "/whoami", headers=sent)
        self.assertEqual(status, 200)
        self.assertEqual(seen["identity"], {"X-Tenant-Id": ONE, "X-User-Id": "u", "X-Roles": "owner"})
        self.assertTrue(seen["assertion_received"])
        self.assertTrue(seen["authorization_received"])
        self.assertNotIn("secret", json.dumps(seen))
        self.assertNotIn("statement", json.dumps(seen))

    def test_orders_that_cannot_be_reached_are_503_to_be_tried_again(self):
        self.data.write_bytes(b"this is no database" * 1000)
        for suffix in ("-wal", "-shm"):
            pathlib.Path(f"{self.data}{suffix}").unlink(missing_ok=True)
        answer = self.call("GET", "/v1/orders")
        self.assertProblem(answer, 503, "storage_unavailable")
        self.assertEqual(answer[1]["Retry-After"], "1")


class ProcessTest(ServiceCase):
    def setUp(self):
        super().setUp()
        self.registry = StandIn()
        self.addCleanup(self.registry.close)

    def start(self, *more):
        here = pathlib.Path(__file__).with_name("orders.py")
        process = subprocess.Popen(
            [sys.executable, here, "--registry", self.registry.url, "--data", self.data, *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "REGISTRATION_TOKEN": "secret"},
        )
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        process.kill()
        process.communicate()

    def test_a_life_from_start_to_sigterm(self):
        process = self.start("--name", "shop.orders")
        self.port = int(process.stdout.readline().rsplit(":", 1)[1])
        _, path, body, headers = self.registry.expect("POST instances")
        self.assertEqual(path, "/v1/services/shop.orders/instances")
        self.assertEqual(body["port"], self.port)
        self.assertEqual(headers["Authorization"], "Bearer secret")
        self.assertIn("registered", process.stdout.readline())
        self.assertEqual(self.call("GET", "/whoami")[2]["instance"], body["id"])
        process.send_signal(signal.SIGTERM)
        self.registry.expect("POST drain")
        self.registry.expect("DELETE instance")
        self.assertEqual(process.wait(PATIENCE), 0)

    def test_two_instances_share_their_orders(self):
        first, second = self.start(), self.start()
        ports = [int(each.stdout.readline().rsplit(":", 1)[1]) for each in (first, second)]
        self.port = ports[0]
        order = self.call("POST", "/v1/orders", {"item": "tea"})[2]
        self.port = ports[1]
        status, headers, again = self.call("GET", f"/v1/orders/{order['id']}")
        self.assertEqual((status, again), (200, order))

    def test_a_refusal_ends_it_with_one_sentence(self):
        self.registry.answers["POST instances"] = [(403, {"detail": "no token for orders"})]
        process = self.start()
        said = process.communicate(timeout=PATIENCE)[1]
        self.assertEqual(process.returncode, 1)
        self.assertIn("no token for orders", said)
        self.assertNotIn("Traceback", said)

    def test_a_taken_port_ends_it_with_one_sentence(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            process = self.start("--port", str(taken.getsockname()[1]))
            said = process.communicate(timeout=PATIENCE)[1]
        self.assertEqual(process.returncode, 1)
        self.assertIn("could not start", said)
        self.assertNotIn("Traceback", said)


if __name__ == "__main__":
    unittest.main()
