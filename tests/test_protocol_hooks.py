"""What is special to each hook: selections, dispatched orders, appointments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from live_server import (
    CPT,
    ICD10CM,
    Json,
    appointment,
    book,
    bundle,
    concept,
    condition,
    covered_chart,
    device_order,
    dispatch,
    issue_of,
    order,
    sign,
)

if TYPE_CHECKING:
    from live_server import Live

pytest_plugins = ("live_server",)
WANTED = [{"reference": "ServiceRequest/order-1"}]


# ------------------------------------------------------------------------------------- order-select


def test_order_select_judges_the_selected_orders_only(live: Live) -> None:
    request = sign(order(), order("33270", identity="order-2"), hook="order-select")
    request["context"]["selections"] = ["ServiceRequest/order-2"]
    found = live.determination(request)
    assert found["order"]["reference"] == "ServiceRequest/order-2"
    summaries = " ".join(card["summary"] for card in live.cards(request))
    assert "33270" in summaries
    assert "33249" not in summaries


def test_order_select_with_nothing_of_ours_selected_has_no_cards(live: Live) -> None:
    request = sign(order(), order("93306", identity="order-2"), hook="order-select")
    request["context"]["selections"] = ["ServiceRequest/order-2"]
    assert live.cards(request) == []


def test_order_select_accepts_an_order_of_a_type_that_is_not_judged(live: Live) -> None:
    drug: Json = {"resourceType": "MedicationRequest", "id": "m1", "status": "draft"}
    request = sign(order(), drug, hook="order-select")
    request["context"]["selections"] = ["MedicationRequest/m1"]
    assert live.cards(request) == []


def test_a_selection_that_is_not_in_the_draft_orders_is_400(live: Live) -> None:
    request = sign(hook="order-select")
    request["context"]["selections"] = ["ServiceRequest/order-1", "ServiceRequest/no-such"]
    response = live.send(request)
    assert response.status_code == 400
    assert issue_of(response)["expression"] == ["context.selections[1]"]


def test_order_sign_judges_every_draft_order(live: Live) -> None:
    request = sign(order(), order("33270", identity="order-2"))
    request["context"]["selections"] = ["ServiceRequest/order-2"]
    assert len(live.determinations(request)) == 2


# ----------------------------------------------------------------------------------- order-dispatch


@pytest.mark.parametrize("key", ["dispatchedOrders", "serviceRequests", "com.example.orders"])
@pytest.mark.parametrize("wrapped", [True, False], ids=["in a Bundle", "alone"])
def test_a_dispatched_order_may_stand_under_any_key(live: Live, key: str, *, wrapped: bool) -> None:
    value = bundle(order(status="active")) if wrapped else order(status="active")
    request = dispatch("ServiceRequest/order-1")
    request["prefetch"][key] = value
    found = live.determination(request)
    assert found["order"]["reference"] == "ServiceRequest/order-1"
    assert found["order"]["code"] == "33249"
    assert live.cards(request)


def test_only_the_dispatched_orders_are_judged(live: Live) -> None:
    orders = bundle(order(), order("33270", identity="order-2"), device_order())
    request = dispatch("DeviceRequest/device-1", "ServiceRequest/order-2", orders=orders)
    references = [d["order"]["reference"] for d in live.determinations(request)]
    assert references == ["DeviceRequest/device-1", "ServiceRequest/order-2"]


def test_a_dispatched_order_may_be_named_by_its_full_url(live: Live) -> None:
    request = dispatch("https://ehr.example.org/fhir/ServiceRequest/order-1", orders=order())
    assert live.determination(request)["order"]["code"] == "33249"


def test_a_dispatched_order_that_was_not_sent_is_412(live: Live) -> None:
    response = live.send(dispatch("ServiceRequest/order-1"))
    assert response.status_code == 412
    assert issue_of(response)["expression"] == ["context.dispatchedOrders[0]"]


def test_a_dispatched_order_of_another_type_gets_no_card(live: Live) -> None:
    assert live.cards(dispatch("NutritionOrder/n1")) == []


def test_fulfilment_tasks_are_tolerated(live: Live) -> None:
    request = dispatch("ServiceRequest/order-1", orders=order())
    request["context"]["fulfillmentTasks"] = [{"resourceType": "Task", "id": "t1"}]
    assert live.cards(request)


def test_a_dispatched_order_is_covered_by_the_same_rules(live: Live) -> None:
    request = dispatch("ServiceRequest/order-1", chart=covered_chart(), orders=order())
    assert live.determination(request)["status"] == "covered"
    assert live.cards(request) == []


# --------------------------------------------------------------------------------- appointment-book


def test_the_appointments_start_is_the_service_date(live: Live) -> None:
    request = book(appointment(basedOn=WANTED), orders=order(occurrenceDateTime="2026-11-20"))
    judged = live.determination(request)["order"]
    assert judged["serviceDate"] == "2027-01-04"
    assert judged["serviceDateBasis"] == "appointment"
    assert judged["reference"] == "ServiceRequest/order-1"
    assert any("2027-01-04" in card["summary"] for card in live.cards(request))


def test_a_waiting_period_is_counted_to_the_appointment(live: Live) -> None:
    recent = condition("I21.4", "c-infarction", onsetDateTime="2026-11-10")
    chart = [*covered_chart(), recent]
    signed = live.determination(sign(chart=chart))
    assert signed["status"] == "not-covered"
    assert signed["earliestEligibleDate"] == "2026-12-21"
    booked = live.determination(book(appointment(basedOn=WANTED), chart=chart, orders=order()))
    assert booked["status"] == "covered"
    assert booked["earliestEligibleDate"] is None


def test_an_appointment_for_a_device_request_is_judged(live: Live) -> None:
    basis = [{"reference": "DeviceRequest/device-1"}]
    request = book(appointment(basedOn=basis), orders=bundle(device_order()))
    assert live.determination(request)["order"]["code"] == "C1721"


@pytest.mark.parametrize("field", ["serviceType", "reasonCode"])
def test_without_an_order_the_appointments_own_codes_say_what_it_is_for(
    live: Live,
    field: str,
) -> None:
    local = concept("CARDIO", "https://hospital.example/codes")
    request = book(appointment(**{field: [local, concept("33249", CPT)]}))
    judged = live.determination(request)["order"]
    assert judged["reference"] == "Appointment/appointment-1"
    assert judged["code"] == "33249"
    assert judged["serviceDate"] == "2027-01-04"
    assert live.cards(request)


def test_an_appointment_for_something_else_gets_no_card(live: Live) -> None:
    diagnosis = concept("I25.5", ICD10CM)
    assert live.cards(book(appointment(reasonCode=[diagnosis]))) == []
    assert live.cards(book(appointment())) == []


def test_a_booked_order_that_was_not_sent_is_412(live: Live) -> None:
    response = live.send(book(appointment(basedOn=WANTED)))
    assert response.status_code == 412
    (place,) = issue_of(response)["expression"]
    assert place == "context.appointments.entry[0].resource.basedOn"


def test_a_booked_order_that_was_not_sent_is_412_even_beside_other_orders(live: Live) -> None:
    others = bundle(order("93306", identity="echo-1"))
    response = live.send(book(appointment(basedOn=WANTED), serviceRequests=others))
    assert response.status_code == 412


def test_an_unreadable_appointment_does_not_fail_the_call(live: Live) -> None:
    request = book(appointment(serviceType=[concept("33249", CPT)]))
    request["context"]["appointments"]["entry"].append({"resource": {"resourceType": 1}})
    assert live.cards(request)
