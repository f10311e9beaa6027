"""How answers leave on the wire."""

from tests.conftest import DATA
from tests.serving import serve

SEVEN = (DATA / "seven.png").read_bytes()
MANY = 200


def test_an_answer_leaves_in_one_piece() -> None:
    request = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(SEVEN), SEVEN)
    with serve() as server, server.connect() as connection:
        for _ in range(MANY):
            connection.sendall(request)
            head, _, body = connection.recv(65_536).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert body.startswith(b'{"digit":7,')
            assert body.endswith(b"}}")


def test_an_answer_without_a_body_leaves_too() -> None:
    with serve() as server, server.connect() as connection:
        for _ in range(2):
            connection.sendall(b"HEAD /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            head, _, body = connection.recv(65_536).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert body == b""


def test_who_waits_to_be_told_to_go_on_is_told() -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(SEVEN)
    with serve() as server, server.connect() as connection:
        connection.sendall(head)
        assert connection.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(SEVEN)
        assert b'{"digit":7,' in connection.recv(65_536)
