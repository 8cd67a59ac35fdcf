"""Where the servers listen, and by which names they may be called."""

import pytest

from creditrisk.errors import SettingsError
from creditrisk.settings import Settings, refuse_open_address
from monitoring import exporter
from webapp import serve
from webapp.app import create_app


@pytest.mark.parametrize("serve_there", [serve.serve, exporter.serve], ids=["web app", "exporter"])
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "risk.bank.example"])
def test_an_address_that_others_reach_needs_a_setting_of_its_own(tmp_path, serve_there, host):
    with pytest.raises(SettingsError, match=r"no accounts.*CREDITRISK_SERVE_WITHOUT_ACCOUNTS=true"):
        serve_there(Settings(home=tmp_path, host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7"])
def test_the_web_app_answers_only_to_its_names_wherever_it_listens(corner_settings, host):
    given = {"host": host, "serve_without_accounts": True, "allowed_hosts": "risk.bank.example, web"}
    client = create_app(corner_settings.model_copy(update=given)).test_client()
    own = {"192.0.2.7:9696": 200 if host == "192.0.2.7" else 403, "0.0.0.0": 403}
    named = {"risk.bank.example": 200, "WEB:9696": 200, "localhost": 200, "127.0.0.1:9696": 200, "[::1]": 200}
    strange = {"evil.example:9696": 403, "risk.bank.example.evil.example": 403, "": 403, "a b": 403, "web, web": 403}
    for name, status in {**own, **named, **strange}.items():
        assert client.get("/health", headers={"Host": name}).status_code == status, name


@pytest.mark.parametrize("host", ["::1", "127.0.0.1", "localhost", "127.8.0.1"])
def test_a_loopback_address_needs_no_setting_of_its_own(tmp_path, host):
    refuse_open_address(Settings(home=tmp_path, host=host))


def test_an_address_of_ipv6_is_called_in_brackets(corner_settings):
    given = {"host": "2001:db8::7", "serve_without_accounts": True}
    client = create_app(corner_settings.model_copy(update=given)).test_client()
    assert client.get("/health", headers={"Host": "[2001:db8::7]:9696"}).status_code == 200
    assert client.get("/health", headers={"Host": "[2001:db8::8]:9696"}).status_code == 403


def test_on_loopback_the_web_app_answers_to_loopback_names_only(corner_app):
    client = corner_app.test_client()
    assert client.get("/ready", headers={"Host": "127.0.0.1:9696"}).status_code == 200
    refused = client.get("/ready", headers={"Host": "evil.example:9696"})
    assert (refused.status_code, refused.json["error"]["code"]) == (403, "forbidden")
    assert "CREDITRISK_ALLOWED_HOSTS" in refused.json["error"]["message"]
