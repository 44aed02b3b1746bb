"""Which state each identifier has after which events, and what is summed up."""

from __future__ import annotations

from zoneproof.issuance import (
    AnswerServed,
    CertificateIssued,
    ChallengesAnswered,
    Event,
    OrderPlanned,
    OrderResumed,
    OrderStatus,
    PropagationWaiting,
    RecordPublished,
    RecordRemoved,
    RecordVisible,
    Warned,
)
from zoneproof.issuance.progress import OrderProgress, State, chosen, summary

APEX = "_acme-challenge.example.com"
WWW = "_acme-challenge.www.example.com"
PLANNED = OrderPlanned(
    {"example.com": APEX, "*.example.com": APEX, "www.example.com": WWW, "192.0.2.1": ""}
)


def after(*events: Event) -> OrderProgress:
    """Return the progress after the events, of which each comes a second after the one before."""
    progress = OrderProgress()
    for second, event in enumerate(events):
        progress.apply(event, float(second))
    return progress


def texts(progress: OrderProgress) -> list[str]:
    return [one.text for one in progress.states.values()]


def test_before_the_plan_nothing_is_known() -> None:
    progress = after(Warned("no"), RecordRemoved("rfc2136", APEX, "old"))
    assert (progress.states, progress.as_one("certificate"), progress.removed) == ({}, None, 0)


def test_identifiers_with_a_common_name_are_published_one_by_one() -> None:
    progress = after(PLANNED, RecordPublished("rfc2136", APEX, "a"))
    assert texts(progress) == [
        "published: by rfc2136",
        "to be published",
        "to be published",
        "to be answered",
    ]
    progress.apply(RecordPublished("rfc2136", APEX, "b"), 2.0)
    assert progress.states["*.example.com"].text == "published: by rfc2136"
    assert progress.published == 2


def test_a_wait_counts_from_its_beginning_whatever_its_reasons() -> None:
    progress = after(
        PLANNED,
        PropagationWaiting(APEX, ("ns1 lacks it", "ns2 lacks it"), 0.1),
        PropagationWaiting(APEX, ("ns2 lacks it",), 1.1),
    )
    for identifier in ("example.com", "*.example.com"):
        state = progress.states[identifier]
        assert (state.text, state.since) == ("waiting for DNS: ns2 lacks it", 1.0)
    assert progress.states["www.example.com"].since == 0.0


def test_fixed_waits_say_how_long_they_are() -> None:
    progress = after(
        PLANNED, PropagationWaiting(APEX, ("as configured",), 0.0, 60.0), RecordVisible(WWW, 5.0)
    )
    assert progress.states["example.com"].text == "waiting for DNS: 60 s, as configured"
    assert progress.states["www.example.com"].text == "in the DNS: 5 s more, as configured"


def test_after_the_challenges_all_are_validated_together() -> None:
    progress = after(
        PLANNED,
        AnswerServed("192.0.2.1", "port 80"),
        RecordVisible(APEX, 0.0),
        ChallengesAnswered(4),
        OrderStatus("pending"),
    )
    assert set(texts(progress)) == {"being validated"}
    progress.apply(OrderStatus("ready"), 9.0)
    progress.apply(OrderStatus("valid"), 10.0)
    assert {(one.text, one.since) for one in progress.states.values()} == {("validated", 9.0)}
    progress.apply(RecordRemoved("rfc2136", APEX, "a"), 11.0)
    progress.apply(CertificateIssued((), "", "", "", ""), 12.0)
    assert set(texts(progress)) == {"issued"}
    assert progress.removed == 1


def test_what_is_removed_before_it_was_validated_is_said() -> None:
    progress = after(
        PLANNED, RecordPublished("rfc2136", WWW, "a"), RecordRemoved("rfc2136", WWW, "a")
    )
    assert progress.states["www.example.com"].text == "removed"
    assert progress.states["example.com"].text == "to be published"


def test_a_resumed_order_may_have_nothing_left_to_validate() -> None:
    assert set(texts(after(PLANNED, OrderResumed("url", "ready")))) == {"validated"}
    assert "to be published" in texts(after(PLANNED, OrderResumed("url", "pending")))


def test_a_certificate_has_the_state_of_its_identifiers_or_a_sum_of_them() -> None:
    progress = after(PLANNED, ChallengesAnswered(4))
    one = progress.as_one("web")
    assert one is not None
    assert (one.subject, one.text, one.since) == ("web", "being validated", 1.0)
    one = after(PLANNED, PropagationWaiting(APEX, ("ns1 lacks it",), 0.0)).as_one("web")
    assert one is not None
    assert one.text == "1 to be published, 1 to be answered, 2 waiting for DNS"


def test_without_room_those_behind_are_shown_and_the_others_summed_up() -> None:
    ready = [State(f"a{number}", 3, "in the DNS", 0.0) for number in range(40)]
    waiting = [State(f"b{number}", 2, "waiting for DNS", 0.0) for number in range(22)]
    shown, others = chosen([*ready, *waiting], 3)
    assert [one.subject for one in shown] == ["b0", "b1"]
    assert summary(others) == "20 waiting for DNS, 40 in the DNS"
    assert chosen(ready, 40) == (ready, [])
