"""Who may have the page: nobody without the token, and no page of elsewhere."""

import pytest

from deploy.cockpit import CockpitError
from deploy.cockpit.access import NEW, SHORTEST, Access, choose_token, is_loopback

TOKEN = "a-token-of-this-test"
HERE = {"Host": "127.0.0.1:8040"}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "::1", "localhost"])
def test_on_loopback_nothing_is_asked(host):
    assert is_loopback(host)
    assert choose_token(host, None) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "robot.local", ""])
def test_beyond_it_a_token_has_to_be_given(host):
    assert not is_loopback(host)
    with pytest.raises(CockpitError, match=r"^--host: .* give --token new"):
        choose_token(host, None)
    assert choose_token(host, TOKEN) == TOKEN


def test_one_is_made_that_nobody_guesses():
    made = {choose_token("0.0.0.0", NEW) for _ in range(50)}
    assert len(made) == 50
    assert min(map(len, made)) >= SHORTEST
    assert all(choose_token("0.0.0.0", token) == token for token in made)


@pytest.mark.parametrize("token", ["", "short", "spaces in this token here", "ä" * 20])
def test_one_that_is_too_simple_is_refused(token):
    with pytest.raises(CockpitError, match="--token: want at least 16"):
        choose_token("0.0.0.0", token)


def test_the_token_is_asked_of_every_request():
    access = Access(TOKEN, 8040)
    assert "token is missing or wrong" in access.refusal("/", HERE)
    assert "token is missing or wrong" in access.refusal("/?token=", HERE)
    assert "token is missing or wrong" in access.refusal(f"/?token={TOKEN}x", HERE)
    assert access.refusal(f"/drive?token={TOKEN}", HERE) == ""


def test_a_browser_remembers_it_in_a_cookie_of_this_port():
    access = Access(TOKEN, 8040)
    cookie = access.cookie(f"/?token={TOKEN}")
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    kept = cookie.partition(";")[0]
    assert access.refusal("/drive", HERE | {"Cookie": f"a=b; {kept}"}) == ""
    assert Access(TOKEN, 8041).refusal("/drive", HERE | {"Cookie": kept}) != ""
    assert access.refusal("/drive", HERE | {"Cookie": kept[:-1]}) != ""
    assert access.cookie("/?token=wrong") is None
    assert Access(None, 8040).cookie("/?token=") is None


def test_no_token_is_no_password():
    assert Access(None, 8040).refusal("/", HERE) == ""


@pytest.mark.parametrize("token", [None, TOKEN])
def test_pages_of_elsewhere_are_refused(token):
    access, target = Access(token, 8040), f"/drive?token={TOKEN}"
    assert access.refusal(target, HERE | {"Origin": "http://127.0.0.1:8040"}) == ""
    for origin in ("http://127.0.0.1:8041", "https://elsewhere.example", "null", ""):
        assert "has no business here" in access.refusal(target, HERE | {"Origin": origin})


@pytest.mark.parametrize("host", ["elsewhere.example:8040", "192.168.1.5:8040", ""])
def test_without_a_token_a_name_that_only_leads_here_is_refused(host):
    assert "not a name of this machine's" in Access(None, 8040).refusal("/", {"Host": host})
    assert Access(TOKEN, 8040).refusal(f"/?token={TOKEN}", {"Host": host}) == ""


@pytest.mark.parametrize("host", ["localhost:8040", "[::1]:8040", "127.0.0.1:9"])
def test_names_of_this_machine_are_none_of_these(host):
    assert Access(None, 8040).refusal("/", {"Host": host}) == ""
