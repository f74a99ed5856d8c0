"""Calls side by side: no call sees anything of another."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

from live_server import TODAY, Json, condition, covered_chart, device_order, open_chart, order, sign

if TYPE_CHECKING:
    from live_server import Live

pytest_plugins = ("live_server",)
THREADS = 20
CALLS = 200


def _of(number: int) -> Json:
    """A call whose every name says whose it is: covered for even numbers, open for odd ones."""
    chart = covered_chart() if number % 2 == 0 else open_chart()
    day = (TODAY + timedelta(days=number)).isoformat()
    infarction = condition("I21.4", "c-infarction", onsetDateTime="2024-01-01")
    request = sign(
        order(identity=f"order-x{number}x", occurrenceDateTime=day),
        device_order(identity=f"device-x{number}x", occurrenceDateTime=day),
        chart=[*chart, infarction],
    )
    for bundle in request["prefetch"].values():
        for entry in bundle.get("entry", []):
            resource = entry["resource"]
            resource["id"] = f"{resource['id']}-x{number}x"
            resource["subject"] = {"reference": f"Patient/p-x{number}x"}
    for entry in request["context"]["draftOrders"]["entry"]:
        entry["resource"]["subject"] = {"reference": f"Patient/p-x{number}x"}
    request["context"]["patientId"] = f"p-x{number}x"
    request["prefetch"]["patient"]["id"] = f"p-x{number}x"
    return request


def test_parallel_calls_never_mix_orders_or_patients(live: Live) -> None:
    def call(number: int) -> tuple[int, list[Json], str]:
        request = _of(number)
        return number, live.determinations(request), live.send(request).text

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(call, range(CALLS)))
    assert len(answers) == CALLS
    uuids: list[str] = []
    for number, determinations, cards in answers:
        day = (TODAY + timedelta(days=number)).isoformat()
        expected = "covered" if number % 2 == 0 else "conditional"
        assert [d["order"]["reference"] for d in determinations] == [
            f"ServiceRequest/order-x{number}x",
            f"DeviceRequest/device-x{number}x",
        ]
        assert {d["status"] for d in determinations} == {expected}
        assert {d["order"]["serviceDate"] for d in determinations} == {day}
        assert set(re.findall(r"x(\d+)x", str(determinations))) == {str(number)}
        assert set(re.findall(r"x(\d+)x", cards)) <= {str(number)}
        assert ('"cards":[]' in cards) is (expected == "covered")
        uuids += re.findall(r'"uuid":"(.+?)"', cards)
    assert uuids
    assert len(set(uuids)) == len(uuids)
