"""`/predict`, `/predict/batch` and `/explain` on a real socket, with the committed weights."""

import gzip
import io
from typing import Any

import httpx2
import numpy as np
import pytest
from PIL import Image

from app.classifier import Classifier
from app.classifier.weights import DEFAULT_PATH, load
from model_training.images.mnist import Digits
from tests.app.middleware.test_observability import figures
from tests.app.problems import assert_problem
from tests.conftest import SEVEN, THREE, encode
from tests.serving import Server, serve, until

MIB = 1024 * 1024
PART = b"--b\r\nContent-Disposition: form-data%s\r\n\r\nx"
FORM = {"Content-Type": "multipart/form-data; boundary=b"}

TOO_LARGE = (413, "body-too-large", "The request body is too large")
MISSING = (422, "image-missing", "The request does not contain the expected upload")
FORMAT = (415, "image-format", "The file is not an image of a known format")
UNKNOWN_FORMAT = "The file is not a PNG, JPEG, WebP, BMP or GIF image. Send one of these formats."
NO_END = "Unexpected end of multipart stream (parser closed)"
NO_BOUNDARY = "The Content-Type has no boundary. Let your HTTP client set the Content-Type of the form."
BROKEN_FORM = "The multipart form is not complete and valid: {}. Send all of it."


def test_form_and_body(client: httpx2.Client) -> None:
    form = client.post("/predict", files={"file": SEVEN}, data={"comment": "ignored"})
    for kind in ("image/png", "image/jpeg", "application/octet-stream", "application/x-www-form-urlencoded"):
        bare = client.post("/predict", content=SEVEN, headers={"Content-Type": kind})
        assert form.status_code == bare.status_code == 200
        assert form.json() == bare.json()
    answer = form.json()
    probabilities = answer.pop("probabilities")
    assert sum(probabilities.values()) == pytest.approx(1)
    assert probabilities["7"] > 0.99
    assert set(probabilities) == {"3", "7"}
    assert answer == {
        "digit": 7,
        "confident": True,
        "image": {"format": "PNG", "width": 28, "height": 28, "inverted": False, "fitted": False, "crop": None},
        "model": {"name": "three-or-seven", "version": load(DEFAULT_PATH).metadata.version},
    }


def test_mnist_errors(client: httpx2.Client, classifier: Classifier, digits: Digits) -> None:
    """With `fit` there are at most three more errors."""
    images = [encode(Image.fromarray(image)) for image in digits.images]
    answers = [client.post("/predict", content=image).json()["digit"] for image in images]
    errors = int((np.array(answers) != digits.labels).sum())
    assert errors == (classifier.predict(digits.images).digits != digits.labels).sum()
    fitted: list[int] = []
    for start in range(0, len(images), 64):
        files = [("files", image) for image in images[start : start + 64]]
        entries = client.post("/predict/batch", params={"fit": True}, files=files).json()["predictions"]
        fitted += [entry["prediction"]["digit"] for entry in entries]
    assert (np.array(fitted) != digits.labels).sum() <= errors + 3


@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/explain"])
def test_content_encoding(client: httpx2.Client, path: str) -> None:
    response = client.post(path, content=gzip.compress(SEVEN), headers={"Content-Encoding": "gzip"})
    detail = "The Content-Encoding is gzip. Send the body without one: images are compressed already."
    assert_problem(response, 415, "content-encoding", "The request body is compressed", detail)
    assert response.headers["accept-encoding"] == "identity"
    assert client.post("/predict", content=SEVEN, headers={"Content-Encoding": "Identity"}).status_code == 200


@pytest.mark.parametrize("path", ["/predict", "/explain", "/predict?fit=true"])
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_wrong_content_type(client: httpx2.Client, path: str, kind: str) -> None:
    response = client.post(path, content=b'{"file": "iVBORw="}', headers={"Content-Type": f"{kind}; charset=utf-8"})
    way = 'in the field "file" of a multipart form, or as the body'
    assert_problem(response, *FORMAT, f"The body is {kind}. Send a PNG, JPEG, WebP, BMP or GIF {way}.")


NO_FORM = 'The body is not a form. Send a multipart form with each image in a field "files".'
BATCH_FIELD = 'Send each image in a field "files".'
PARAMETER = (422, "validation", "A parameter is not valid")
TOO_MANY = (422, "batch-too-large", "The batch is too large")
TOO_MANY_DETAIL = "The form has more than 64 images. Send them in several requests."
TOO_MANY_FIELDS = "The form has more than 80 fields. Send at most 64 images."


FIT = "The query parameter fit is 'maybe'. Send true or false."
INK = "The query parameter ink is 'blue'. Send 'auto', 'dark' or 'light'."
REPEATED = "The query parameter {} is given {} times. Send it once."
UNKNOWN = "Unknown query parameter {}. Send any of {}."
IN_THE_FORM = '"{0}" is a form field. Send it in the URL: ?{0}={1}.'


def form_with(names: str) -> str:
    return f'The form has {names}. Send one image in the field "file".'


TWO_FILES = form_with('the fields "file", "file"')[:-1] + ', or several to /predict/batch in fields "files".'

LONG = 16 * [f'"{"x" * 40}"']


def query(text: str) -> dict[str, Any]:
    return {"params": text, "content": SEVEN}


REFUSALS: dict[str, tuple[dict[str, Any], tuple[int, str, str], str]] = {
    "text": ({"files": {"file": b"I am a seven, honestly"}}, FORMAT, UNKNOWN_FORMAT),
    "empty body": ({}, MISSING, 'The body is empty. Send one image in the field "file" of a form, or as the body.'),
    "empty file": ({"files": {"file": b""}}, MISSING, "The file is empty. Send an image."),
    "wrong field": ({"files": {"image": SEVEN}}, MISSING, form_with('the field "image"')),
    "two wrong fields": ({"files": {"image": SEVEN, "bild": SEVEN}}, MISSING, form_with('the fields "image", "bild"')),
    "field twice": ({"files": [("file", SEVEN)] * 2}, MISSING, TWO_FILES),
    "field name not ASCII": ({"files": {"ßüß": SEVEN}}, MISSING, form_with('the field "ßüß"')),
    "16 long names": ({"files": [("x" * 1000, b"")] * 16}, MISSING, form_with(f"the fields {', '.join(LONG)}")),
    "17 fields": ({"files": [("x", b"")] * 17}, MISSING, form_with("more than 16 fields")),
    "no boundary": ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, MISSING, NO_BOUNDARY),
    "empty form": ({"content": b"", "headers": FORM}, MISSING, BROKEN_FORM.format(NO_END)),
    "form without end": ({"content": PART % b'; name="file"', "headers": FORM}, MISSING, BROKEN_FORM.format(NO_END)),
    "part without head": (
        {"content": b"--b\r\n\r\nx\r\n--b--", "headers": FORM},
        MISSING,
        BROKEN_FORM.format("Missing Content-Disposition segment header"),
    ),
    "form without fields": ({"content": b"--b--\r\n", "headers": FORM}, MISSING, form_with("no field")),
    "field without name": ({"content": PART % b"" + b"\r\n--b--", "headers": FORM}, MISSING, form_with('the field ""')),
    "truncated image": (
        {"files": {"file": SEVEN[:-60]}},
        (422, "image-unreadable", "The image cannot be read"),
        "The PNG image is truncated or corrupt. Save it again and send all of it.",
    ),
    "another size": (
        {"content": encode(Image.new("L", (29, 28)))},
        (422, "image-size", "The image does not have the right size"),
        "The image has 29 x 28 pixels. Send 28 x 28 pixels, or add ?fit=true to the URL to fit other sizes.",
    ),
    "blank": (
        {"content": encode(Image.new("L", (28, 28), 255))},
        (422, "image-blank", "The image is blank"),
        "Nothing stands out from the background. Send a digit that is clearly darker or lighter.",
    ),
    "invalid fit": (query("fit=maybe"), PARAMETER, FIT),
    "two invalid parameters": (query("fit=maybe&ink=blue"), PARAMETER, f"{FIT} {INK}"),
    "unknown parameters": (query("fit=1&Ink=dark&colors=0"), PARAMETER, UNKNOWN.format("Ink, colors", "fit, ink")),
    "explain: unknown": (query("colour=1"), PARAMETER, UNKNOWN.format("colour", "fit, ink, colors")),
    "batch: unknown": (query("fitted=true"), PARAMETER, UNKNOWN.format("fitted", "fit, ink")),
    "repeated": (query("fit=true&ink=dark&fit=false"), PARAMETER, REPEATED.format("fit", 2)),
    "batch: repeated": (query("ink=dark&ink=dark&ink="), PARAMETER, REPEATED.format("ink", 3)),
    "explain: repeated": (query("colors=true&colors=true"), PARAMETER, REPEATED.format("colors", 2)),
    "fit in the form": ({"files": {"file": SEVEN}, "data": {"fit": "1"}}, PARAMETER, IN_THE_FORM.format("fit", "1")),
    "batch: ink in the form": ({"files": {"files": SEVEN, "ink": b"a"}}, PARAMETER, IN_THE_FORM.format("ink", "a")),
    "fit as a file": ({"files": {"file": SEVEN, "fit": SEVEN}}, PARAMETER, IN_THE_FORM.format("fit", "VALUE")),
    "colors in the form": (
        {"files": {"image": SEVEN, "colors": b"x"}},
        MISSING,
        form_with('the fields "image", "colors"'),
    ),
    "explain: colors in the form": (
        {"files": {"file": SEVEN, "colors": b"false"}},
        PARAMETER,
        IN_THE_FORM.format("colors", "false"),
    ),
    "long fit": ({"files": {"file": SEVEN, "fit": b"x" * 41}}, PARAMETER, IN_THE_FORM.format("fit", "VALUE")),
    "explain: text": ({"files": {"file": b"junk"}}, FORMAT, UNKNOWN_FORMAT),
    "batch: 65 images": ({"files": [("files", SEVEN)] * 65}, TOO_MANY, TOO_MANY_DETAIL),
    "batch: 81 images": ({"files": [("files", SEVEN)] * 81}, TOO_MANY, TOO_MANY_FIELDS),
    "batch: 80 other fields": ({"files": [("files", SEVEN), *[("x", b"")] * 80]}, TOO_MANY, TOO_MANY_FIELDS),
    "batch: no form": ({"content": SEVEN}, MISSING, NO_FORM),
    "batch: wrong field": ({"files": {"file": SEVEN}}, MISSING, f'The form has the field "file". {BATCH_FIELD}'),
}
PATHS = {"explain": "/explain", "batch": "/predict/batch"}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal(client: httpx2.Client, name: str) -> None:
    request, problem, detail = REFUSALS[name]
    path = PATHS.get(name.partition(":")[0], "/predict")
    assert_problem(client.post(path, **request), *problem, detail)


def test_max_image_pixels() -> None:
    detail = "The image has 28 x 29 pixels. Send at most 784 pixels."
    with serve("--max-image-pixels", "784") as server:
        response = httpx2.post(f"{server.url}/predict", content=encode(Image.new("L", (28, 29))))
        assert_problem(response, 413, "image-too-large", "The image has too many pixels", detail)


def test_max_body_bytes(client: httpx2.Client) -> None:
    detail = "The body is larger than 12,582,912 bytes. Send a smaller file."
    for content in (bytes(60 * MIB), (bytes(MIB) for _ in range(60))):
        assert_problem(client.post("/predict", content=content), *TOO_LARGE, detail)
    assert_problem(client.post("/predict", files={"file": bytes(60 * MIB)}), *TOO_LARGE, detail)
    # Starlette would spool a part of 11 MiB to a disk, which may be read-only.
    assert client.post("/predict", files={"file": SEVEN + bytes(11 * MIB)}).json()["digit"] == 7


def test_content_length_is_checked_before_the_body(default_server: Server) -> None:
    with default_server.connect(10) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 60000000\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_other_digits_are_not_confident(client: httpx2.Client, others: Digits) -> None:
    for digit in (0, 5, 8):
        image = encode(Image.fromarray(others.only(digit).images[0]))
        answer = client.post("/predict", files={"file": image}).json()
        assert answer["confident"] is False
        assert max(answer["probabilities"].values()) < 0.6


def test_batch(client: httpx2.Client) -> None:
    files: list[Any] = [("files", ("ä.png", SEVEN)), ("files", b"no image"), ("files", THREE), ("files", b"")]
    response = client.post("/predict/batch", files=files)
    assert response.status_code == 200
    entries = response.json()["predictions"]
    assert [entry.pop("index") for entry in entries] == [0, 1, 2, 3]
    assert [entry.pop("filename") for entry in entries] == ["ä.png", "upload", "upload", "upload"]
    first, second, third, fourth = entries
    for entry, data in ((first, SEVEN), (third, THREE)):
        single = client.post("/predict", content=data).json()
        assert response.json()["model"] == single.pop("model")
        probabilities = entry["prediction"].pop("probabilities")
        assert probabilities == pytest.approx(single.pop("probabilities"), abs=2e-6)
        assert entry == {"prediction": single, "problem": None}
    common = {"instance": "/predict/batch", "request_id": response.headers["x-request-id"]}
    for entry, (status, code, title), detail in (
        (second, FORMAT, UNKNOWN_FORMAT),
        (fourth, MISSING, "The file is empty. Send an image."),
    ):
        problem = {"type": f"/problems/{code}", "title": title, "status": status, "detail": detail}
        assert entry == {"prediction": None, "problem": problem | common}
    latin_1 = b'--b\r\nContent-Disposition: form-data; name="files"; filename="\xe4.png"\r\n\r\n%s\r\n--b--\r\n' % SEVEN
    (entry,) = client.post("/predict/batch", content=latin_1, headers=FORM).json()["predictions"]
    assert (entry["filename"], entry["prediction"]["digit"]) == ("\ufffd.png", 7)
    (entry,) = client.post("/predict/batch", files=[("files", b"junk")]).json()["predictions"]
    assert entry["problem"]["status"] == 415


def test_explain(client: httpx2.Client, digits: Digits) -> None:
    ink = digits.only(3).images[0]
    response = client.post("/explain", files={"file": encode(Image.fromarray(255 - ink))})
    assert response.headers["content-type"] == "image/png"
    picture = np.asarray(Image.open(io.BytesIO(response.content)).convert("RGB"))
    assert picture.shape == (280, 280, 3)
    small = picture[5::10, 5::10].astype(int)
    assert ((small.max(axis=2) > 0) == (ink > 0)).mean() > 0.99
    orange, blue = (small[..., 0] - small[..., 2] > 30).sum(), (small[..., 2] - small[..., 0] > 30).sum()
    assert orange > 10
    assert orange + blue < (ink > 0).sum()


def test_second_digit_is_not_confident(client: httpx2.Client, digits: Digits) -> None:
    page = Image.new("L", (700, 300), 255)
    for digit, left in ((7, 50), (3, 400)):
        page.paste(Image.fromarray(255 - digits.only(digit).images[0]).resize((200, 200)), (left, 50))
        answer = client.post("/predict", params={"fit": True}, files={"file": encode(page)}).json()
        assert answer["confident"] is (digit == 7)
    entries = client.post("/predict/batch", params={"fit": True}, files=[("files", encode(page))]).json()["predictions"]
    assert entries[0]["prediction"]["confident"] is False


@pytest.mark.parametrize("path", ["/predict", "/explain"])
def test_ink_overrides_the_polarity(path: str, client: httpx2.Client, digits: Digits) -> None:
    upload = {"file": encode(Image.fromarray(digits.images[0]).resize((90, 90)))}
    auto, light, dark = (
        client.post(path, params={"fit": True, "ink": ink}, files=upload).content for ink in ("auto", "light", "dark")
    )
    assert auto == light != dark
    assert client.post(path, params={"ink": "blue"}, files=upload).status_code == 422


def test_images_of_clients_that_disconnect_are_not_decoded() -> None:
    image = encode(Image.new("L", (7000, 7000)))
    request = b"POST /predict?fit=true HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(image), image)
    with serve() as server:
        for _ in range(10):
            with server.connect() as connection:
                connection.sendall(request)
        until(lambda: figures(server.url)("http_requests_in_flight") == 1)  # the request for the metrics
        assert httpx2.post(f"{server.url}/predict?fit=true", content=SEVEN).json()["digit"] == 7
        assert figures(server.url)("image_decode_seconds_count") < 5
