import re

import httpx2
import pytest


@pytest.mark.parametrize("sane", ["abc-123", "0af7651916cd43dd8448eb211c80319c", "a" * 128])
def test_a_sane_request_id_comes_back(client: httpx2.Client, sane: str) -> None:
    assert client.get("/livez", headers={"X-Request-ID": sane}).headers["x-request-id"] == sane


@pytest.mark.parametrize("insane", ["", "a b", '"', "a" * 129, "é"])
def test_any_other_is_replaced(client: httpx2.Client, insane: str) -> None:
    answered = client.get("/livez", headers=[(b"X-Request-ID", insane.encode())]).headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", answered)
