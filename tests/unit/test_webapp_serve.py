import socket

import pytest

from creditrisk.errors import SettingsError
from creditrisk.settings import Settings
from webapp.serve import serve


def test_a_port_in_use_gives_one_sentence(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"127\.0\.0\.1:{port}.*CREDITRISK_WEB_PORT"):
            serve(Settings(home=tmp_path, web_port=port))
