"""Links: what is minted is read, what is anything else is no link, and nothing shows or stores a working one."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdnb.errors import BadLink
from pdnb.links import Link, Links, Purpose, Target, redact

SECRET = b"0123456789abcdef0123456789abcdef"
LINKS = Links(SECRET, "https://example.org/hub/")
RUN, OTHER = "0123456789abcdefghjk", "zzzzzzzzzzzzzzzzzzzz"
TARGET = Target(RUN, "approve", 1)
TOKEN = LINKS.token("resume", TARGET)

targets = st.builds(
    Target,
    run=st.text("0123456789abcdefghjkmnpqrstvwxyz", min_size=20, max_size=20),
    step=st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", fullmatch=True),
    runs=st.integers(1, 999_999_999),
)
purposes = st.sampled_from(["resume", "cancel"])


def opens(token: str, purpose: Purpose = "resume", links: Links = LINKS) -> bool:
    try:
        links.read(purpose, token)
    except BadLink:
        return False
    return True


# ---- minting and reading ------------------------------------------------------------------------------------------


@given(purposes, targets)
def test_what_is_minted_is_read(purpose: Purpose, target: Target) -> None:
    """Bound to run, step and attempt."""
    assert LINKS.read(purpose, LINKS.token(purpose, target)) == target


def test_a_url_leads_to_the_server_people_reach() -> None:
    assert LINKS.url("cancel", TARGET) == f"https://example.org/hub/pdnb/cancel/{LINKS.token('cancel', TARGET)}"


def test_a_token_needs_no_quoting_in_a_path() -> None:
    """Callers append their own query, so the token is in the **path**."""
    assert set(TOKEN) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._")


def test_a_resume_token_on_the_cancel_route_is_no_link() -> None:
    """A resume token on the cancel route: 404, nothing changes."""
    assert opens(TOKEN, "resume")
    assert not opens(TOKEN, "cancel")
    cancel = LINKS.token("cancel", TARGET)
    assert opens(cancel, "cancel")
    assert not opens(cancel, "resume")


def test_a_token_does_not_change_its_purpose_by_changing_its_prefix() -> None:
    assert not opens(TOKEN.replace("pdnb1r", "pdnb1c"), "cancel")
    assert not opens(LINKS.token("cancel", TARGET).replace("pdnb1c", "pdnb1r"), "resume")


def test_another_secret_makes_other_links() -> None:
    assert not opens(TOKEN, links=Links(SECRET[::-1]))


def test_a_tokens_signature_belongs_to_its_run_step_and_attempt() -> None:
    signature = TOKEN.rsplit(".", 1)[1]
    for value in (f"{OTHER}.approve.1", f"{RUN}.publish.1", f"{RUN}.approve.2", f"{RUN}.approve.11"):
        assert not opens(f"pdnb1r.{value}.{signature}")


@given(st.data())
def test_any_change_of_one_character_makes_it_no_link(data: st.DataObject) -> None:
    i = data.draw(st.integers(0, len(TOKEN) - 1))
    other = data.draw(st.characters(exclude_characters=TOKEN[i]))
    assert not opens(TOKEN[:i] + other + TOKEN[i + 1 :])
    assert not opens(TOKEN[:i] + TOKEN[i + 1 :])
    assert not opens(TOKEN[:i] + other + TOKEN[i:])


def test_a_signature_has_one_spelling() -> None:
    """The last of 43 base64 letters carries four bits: four letters decode to the same signature."""
    head, last = TOKEN[:-1], TOKEN[-1]
    raw = base64.urlsafe_b64decode(TOKEN[-43:] + "=")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twins = [c for c in letters if c != last and base64.urlsafe_b64decode(head[-42:] + c + "=") == raw]
    assert len(twins) == 3
    assert not any(opens(head + twin) for twin in twins)


HEAD = TOKEN[:-44]  # all but the signature
MALFORMED = {
    "empty": "",
    "a dot": ".",
    "dots": "....",
    "a prefix": "pdnb1r",
    "another version": TOKEN.replace("pdnb1r", "pdnb2r"),
    "upper case": TOKEN.upper(),
    "padded": TOKEN + "=",
    "a line end behind": TOKEN + "\n",
    "a line end before": "\n" + TOKEN,
    "a slash behind": TOKEN + "/",
    "a NUL behind": TOKEN + "\x00",
    "an encoded NUL behind": TOKEN + "%00",
    "encoded dots": TOKEN.replace(".", "%2E"),
    "a leading zero": TOKEN.replace(".1.", ".01."),
    "a sign": TOKEN.replace(".1.", ".+1."),
    "another script's digit": TOKEN.replace(".1.", ".\u0661."),
    "attempt 0": TOKEN.replace(".1.", ".0."),
    "a negative attempt": TOKEN.replace(".1.", ".-1."),
    "twice": TOKEN * 2,
    "no step": TOKEN.replace("approve", ""),
    "a path as step": TOKEN.replace("approve", "../x"),
    "a dot in the step": TOKEN.replace("approve", "a.b"),
    "another run": TOKEN.replace(RUN, OTHER),
    "no signature": HEAD,
    "an empty signature": HEAD + ".",
    "letters beyond ASCII as signature": HEAD + "." + "\xe9" * 43,
    "a lone surrogate": TOKEN[:-1] + "\udc80",
    "64 KiB of letters": "x" * 65_536,
    "64 KiB of dots": "pdnb1r" + "." * 65_536,
    "64 KiB behind": TOKEN + "A" * 65_536,
    "a sealed one": LINKS.seal(TOKEN, RUN),
}


@pytest.mark.parametrize("kind", MALFORMED)
@pytest.mark.parametrize("purpose", ["resume", "cancel"])
def test_malformed_tokens_of_all_kinds_are_no_links(kind: str, purpose: Purpose) -> None:
    """Unknown, damaged, wrong purpose: 404, one constant body."""
    with pytest.raises(BadLink, match=r"^no such link$"):
        LINKS.read(purpose, MALFORMED[kind])


@given(st.text(max_size=200) | st.text("pdnb1rc.!0aZ_-", max_size=200))
def test_no_text_is_a_link_by_chance(text: str) -> None:
    assert not opens(text)
    assert not opens(text, "cancel")


# ---- hiding -------------------------------------------------------------------------------------------------------


def test_a_link_shows_its_url_only_when_asked_for_its_text() -> None:
    """The card and ``repr`` show a redacted link. ``str(link)`` is the URL."""
    url = LINKS.url("resume", TARGET)
    link = Link(url)
    assert str(link) == f"{link}" == url
    for shown in (repr(link), f"{link!r}", str([link]), str({"resume_url": link})):
        assert TOKEN not in shown
        assert TOKEN[-43:] not in shown
        assert "https://example.org/hub/pdnb/resume/…" in shown
    assert not hasattr(link, "__dict__")


def test_two_links_are_equal_when_their_urls_are() -> None:
    one, same, other = Link("a"), Link("a"), Link("b")
    assert one == same
    assert one != other
    assert one != "a"
    assert len({one, same, other}) == 2


@given(st.text(), st.text(), purposes, targets)
def test_redacted_text_holds_no_token_and_else_what_it_held(a: str, b: str, purpose: Purpose, target: Target) -> None:
    """No token in any log."""
    token = LINKS.token(purpose, target)
    shown = redact(a + token + b)
    assert token not in shown
    assert shown == f"{a}…{b}"


def test_redaction_hides_what_does_not_work_too() -> None:
    assert redact(TOKEN[:-1] + "A" + " and " + Links(b"another secret").token("cancel", TARGET)) == "… and …"


@pytest.mark.parametrize("left", [42, 20, 1])
def test_a_token_that_was_cut_short_is_hidden_too(left: int) -> None:
    """One letter less can be guessed."""
    cut = TOKEN[: len(TOKEN) - 43 + left]
    assert redact(f"see {cut}") == "see …"
    assert redact(f"see {cut} and {TOKEN}!") == "see … and …!"
    assert LINKS.seal(f"see {cut}", RUN) == "see …"


# ---- sealing ------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.text(max_size=10), purposes, targets), max_size=4), st.text(max_size=10))
def test_sealed_text_holds_no_working_token_and_its_own_run_opens_it(
    parts: list[tuple[str, Purpose, Target]], end: str
) -> None:
    """Any link in what is stored is stored as a placeholder and minted again when it is read by its own run."""
    text = "".join(f"{said} {LINKS.url(purpose, target)} " for said, purpose, target in parts) + end
    sealed = LINKS.seal(text, RUN)
    for _, purpose, target in parts:
        assert LINKS.token(purpose, target) not in sealed
    assert LINKS.unseal(sealed, RUN) == text


def test_sealing_survives_json() -> None:
    text = json.dumps({f"<a href='{LINKS.url('resume', TARGET)}'>": [f"ä\n{TOKEN}\\"]})
    sealed = LINKS.seal(text, RUN)
    assert TOKEN[-43:] not in sealed
    assert json.loads(sealed)
    assert LINKS.unseal(sealed, RUN) == text


def test_the_same_text_without_the_secret_opens_nothing() -> None:
    """The store alone resumes nothing."""
    sealed = LINKS.seal(TOKEN, RUN)
    stranger = Links(SECRET[::-1])
    assert stranger.unseal(sealed, RUN) == sealed
    assert sealed.rsplit("!", 1)[1] != TOKEN.rsplit(".", 1)[1]


def test_another_run_does_not_open_what_was_sealed() -> None:
    sealed = LINKS.seal(TOKEN, RUN)
    assert LINKS.unseal(sealed, RUN) == TOKEN
    assert LINKS.unseal(sealed, OTHER) == sealed


def test_a_forged_placeholder_is_not_opened() -> None:
    sealed = LINKS.seal(TOKEN, RUN)
    for forged in (
        sealed.replace("!approve!", "!publish!"),
        sealed.replace("pdnb1r", "pdnb1c"),
        sealed.replace("!1!", "!2!"),
        sealed.replace(RUN, OTHER),
        TOKEN.replace(".", "!"),
    ):
        assert LINKS.unseal(forged, RUN) == forged


def test_a_token_that_does_not_work_is_left_as_it_is() -> None:
    dead = Links(SECRET[::-1]).token("resume", TARGET)
    assert LINKS.seal(dead, RUN) == dead


def test_a_moved_server_gives_old_text_its_new_tokens_and_leaves_its_address() -> None:
    sealed = LINKS.seal(LINKS.url("resume", TARGET), RUN)
    assert Links(SECRET, "http://elsewhere/").unseal(sealed, RUN) == LINKS.url("resume", TARGET)


# ---- code ---------------------------------------------------------------------------------------------------------


@given(st.text(), st.text())
def test_a_mac_fits_its_content_alone(content: str, other: str) -> None:
    mac = LINKS.mac(content)
    assert LINKS.check_mac(content, mac)
    assert LINKS.check_mac(other, mac) == (other == content)
    assert not Links(SECRET[::-1]).check_mac(content, mac)


def test_a_links_signature_is_no_mac_of_code() -> None:
    value, signature = TOKEN.rsplit(".", 1)
    assert not LINKS.check_mac(value, signature)
