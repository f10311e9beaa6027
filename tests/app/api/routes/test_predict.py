"""`POST /predict` on a real socket, with the committed weights."""

import gzip
import io
import socket
from collections.abc import Iterator

import httpx2
import numpy as np
import pytest
from PIL import Image

from app.classifier import Classifier
from app.classifier.weights import DEFAULT_PATH, load
from app.problem_details import ProblemDocument
from model_training.data import Digits
from model_training.evaluation import evaluate
from tests.app.problems import assert_problem
from tests.conftest import DATA
from tests.serving import serve

SEVEN = (DATA / "seven.png").read_bytes()
THREE = (DATA / "three.png").read_bytes()
MIB = 1024 * 1024

TOO_LARGE = (413, "body-too-large", "The request body is too large")
TOO_LARGE_DETAIL = "The body is larger than 12,582,912 bytes. Send a smaller file."
MISSING = (422, "image-missing", "The request holds no image")


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_a_form_and_a_bare_body_get_the_same_full_answer(client: httpx2.Client) -> None:
    form = client.post("/predict", files={"file": SEVEN})
    bare = client.post("/predict", content=SEVEN, headers={"Content-Type": "image/png"})
    assert form.status_code == bare.status_code == 200
    assert form.json() == bare.json()
    answer = form.json()
    probabilities = answer.pop("probabilities")
    assert sum(probabilities.values()) == pytest.approx(1)
    assert probabilities["7"] > 0.99
    assert set(probabilities) == {"3", "7"}
    metadata = load(DEFAULT_PATH).metadata
    assert answer == {
        "digit": 7,
        "confident": True,
        "image": {"format": "PNG", "width": 28, "height": 28, "inverted": False, "fitted": False},
        "model": {"name": "three-or-seven", "version": metadata.version},
    }


@pytest.mark.parametrize(
    "content_type", ["image/jpeg", "application/octet-stream", "application/x-www-form-urlencoded"]
)
def test_the_bytes_of_a_bare_body_count_and_not_its_content_type(client: httpx2.Client, content_type: str) -> None:
    response = client.post("/predict", content=THREE, headers={"Content-Type": content_type})
    assert response.json()["digit"] == 3


def test_other_fields_beside_the_image_are_ignored(client: httpx2.Client) -> None:
    response = client.post("/predict", files={"file": THREE}, data={"comment": "a three"})
    assert response.json()["digit"] == 3


def test_all_test_images_are_read_as_well_as_evaluate_says(
    client: httpx2.Client, digits: Digits, others: Digits
) -> None:
    answers = []
    for image in digits.images:
        response = client.post("/predict", content=png(Image.fromarray(image)), headers={"Content-Type": "image/png"})
        answers.append(response.json()["digit"])
    errors = int((np.array(answers) != digits.labels).sum())
    weights = load(DEFAULT_PATH)
    assert errors == evaluate(Classifier(weights.parameters, weights.metadata.threshold), digits, others).errors


def variants(ink: np.ndarray) -> Iterator[tuple[str, Image.Image, str]]:
    light = Image.fromarray(ink)
    dark = Image.fromarray(255 - ink)
    clear = Image.new("L", (28, 28), 0)
    white = Image.new("L", (28, 28), 255)
    yield "white on black", light, "PNG"
    yield "black on white", dark, "PNG"
    yield "black ink on transparency", Image.merge("RGBA", (clear, clear, clear, light)), "PNG"
    yield "white ink on transparency", Image.merge("RGBA", (white, white, white, light)), "PNG"
    yield "1-bit", dark.convert("1", dither=Image.Dither.NONE), "PNG"
    yield "palette", dark.convert("P"), "PNG"
    yield "16-bit grey", Image.fromarray(65535 - ink.astype(np.uint16) * 257), "PNG"
    yield "JPEG", dark, "JPEG"
    yield "BMP", dark, "BMP"
    yield "WebP", dark, "WEBP"
    yield "GIF", dark, "GIF"


def test_every_way_to_store_a_digit_is_read(client: httpx2.Client, digits: Digits) -> None:
    for digit in (3, 7):
        for name, image, kind in variants(digits.only(digit).images[0]):
            buffer = io.BytesIO()
            image.save(buffer, kind)
            answer = client.post("/predict", files={"file": buffer.getvalue()}).json()
            assert answer.get("digit") == digit, f"{name}: {answer}"
            assert answer["image"]["format"] == kind


def test_a_text_file_is_no_image(client: httpx2.Client) -> None:
    assert_problem(
        client.post("/predict", files={"file": b"I am a seven, honestly"}),
        415,
        "image-format",
        "The file is not an image of a known format",
        "The file is not a PNG, JPEG, WebP, BMP or GIF image. Send one of these formats.",
    )


@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/explain"])
def test_a_compressed_body_is_refused(client: httpx2.Client, path: str) -> None:
    response = client.post(path, content=gzip.compress(SEVEN), headers={"Content-Encoding": "gzip"})
    detail = "The body is compressed. Send it as it is; images are compressed already."
    assert_problem(response, 415, "content-encoding", "The request body is compressed", detail)
    assert response.headers["accept-encoding"] == "identity"
    assert client.post("/predict", content=SEVEN, headers={"Content-Encoding": "Identity"}).status_code == 200


@pytest.mark.parametrize("path", ["/predict", "/explain", "/predict?fit=true"])
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_a_document_of_another_kind_is_told_how_images_are_sent(client: httpx2.Client, path: str, kind: str) -> None:
    assert_problem(
        client.post(path, content=b'{"file": "iVBORw0KGgo="}', headers={"Content-Type": f"{kind}; charset=utf-8"}),
        415,
        "image-format",
        "The file is not an image of a known format",
        f"The body is no image, but {kind}. Send a PNG, JPEG, WebP, BMP or GIF"
        ' in the field "file" of a multipart form, or bare as the body.',
    )


def test_an_empty_body_is_no_image(client: httpx2.Client) -> None:
    detail = 'The body is empty. Send an image as the body or in the form field "file".'
    assert_problem(client.post("/predict"), *MISSING, detail)


def test_an_empty_file_is_no_image(client: httpx2.Client) -> None:
    detail = "The file is empty. Send an image."
    assert_problem(client.post("/predict", files={"file": b""}), *MISSING, detail)


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ([("image", SEVEN)], '"image"'),
        ([("image", SEVEN), ("bild", SEVEN)], '"image", "bild"'),
        ([("file", SEVEN), ("file", SEVEN)], '"file", "file"'),
        ([("ßüß", SEVEN)], '"ßüß"'),
    ],
)
def test_a_wrong_field_is_named(client: httpx2.Client, files: list[tuple[str, bytes]], names: str) -> None:
    detail = f'The form has {names}. Send one image in the field "file".'
    assert_problem(client.post("/predict", files=files), *MISSING, detail)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"no boundary here"),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx'),
        ("multipart/form-data; boundary=" + 300 * "b", b"x"),
    ],
)
def test_a_broken_form_is_refused(client: httpx2.Client, content_type: str, body: bytes) -> None:
    response = client.post("/predict", content=body, headers={"Content-Type": content_type})
    assert_problem(response, *MISSING, "The multipart form cannot be read. Send it whole, with its boundary.")


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b"--b--\r\n", "no field"),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n", '""'),
    ],
)
def test_a_form_without_names_is_told_so(client: httpx2.Client, body: bytes, names: str) -> None:
    response = client.post("/predict", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert_problem(response, *MISSING, f'The form has {names}. Send one image in the field "file".')


def test_a_form_of_many_fields_is_refused_without_reading_them_all(client: httpx2.Client) -> None:
    files = [("x" * 1000, b"")] * 17
    detail = 'The form has more than 16 fields. Send one image in the field "file".'
    assert_problem(client.post("/predict", files=files), *MISSING, detail)
    names = ", ".join(['"' + "x" * 40 + '"'] * 16)
    detail = f'The form has {names}. Send one image in the field "file".'
    assert_problem(client.post("/predict", files=files[:16]), *MISSING, detail)


def test_a_truncated_image_is_unreadable(client: httpx2.Client) -> None:
    response = client.post("/predict", files={"file": SEVEN[:-60]})
    assert_problem(
        response,
        422,
        "image-unreadable",
        "The image cannot be read",
        "The PNG image is truncated or corrupt. Save it again and send it whole.",
    )


def test_another_size_is_refused(client: httpx2.Client) -> None:
    assert_problem(
        client.post("/predict", files={"file": png(Image.new("L", (29, 28)))}),
        422,
        "image-size",
        "The image does not have the right size",
        "The image has 29 x 28 pixels. Send one of 28 x 28 pixels, or ask for it to be fitted, with ?fit=true in the"
        " URL.",
    )


def test_too_many_pixels_are_refused() -> None:
    with serve("--max-image-pixels", "784") as server:
        assert_problem(
            httpx2.post(f"{server.url}/predict", files={"file": png(Image.new("L", (28, 29)))}),
            413,
            "image-too-large",
            "The image has too many pixels",
            "The image has 28 x 29 pixels. Send at most 784 pixels.",
        )


def test_a_blank_image_is_refused(client: httpx2.Client) -> None:
    assert_problem(
        client.post("/predict", files={"file": png(Image.new("L", (28, 28), 255))}),
        422,
        "image-blank",
        "The image shows nothing",
        "The image shows no ink that stands out from its ground. Send one with a digit in it.",
    )


def test_a_body_over_the_limit_is_refused_declared_or_not(client: httpx2.Client) -> None:
    assert_problem(client.post("/predict", content=bytes(60 * MIB)), *TOO_LARGE, TOO_LARGE_DETAIL)
    assert_problem(client.post("/predict", files={"file": bytes(60 * MIB)}), *TOO_LARGE, TOO_LARGE_DETAIL)
    chunks = (bytes(MIB) for _ in range(60))
    assert_problem(client.post("/predict", content=chunks), *TOO_LARGE, TOO_LARGE_DETAIL)
    assert client.post("/predict", files={"file": SEVEN}).json()["digit"] == 7


def test_a_declared_length_over_the_limit_is_refused_before_the_body_comes(client: httpx2.Client) -> None:
    with socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=10) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 60000000\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_another_digit_is_not_confident(client: httpx2.Client, others: Digits) -> None:
    for digit in (0, 5, 8):
        image = Image.fromarray(others.only(digit).images[0])
        answer = client.post("/predict", files={"file": png(image)}).json()
        assert answer["confident"] is False
        assert max(answer["probabilities"].values()) < 0.6


def test_a_file_of_several_megabytes_is_read(client: httpx2.Client, digits: Digits) -> None:
    """One that Starlette would spool to a disk, which may be read-only."""
    padded = png(Image.fromarray(digits.images[0])) + bytes(11 * MIB)
    assert client.post("/predict", files={"file": padded}).json()["digit"] == digits.labels[0]


def test_every_answer_is_in_the_openapi_schema(client: httpx2.Client) -> None:
    operation = client.get("/openapi.json").json()["paths"]["/predict"]["post"]
    assert set(operation["responses"]) == {"200", "401", "408", "413", "415", "422", "500", "503"}
    assert set(operation["requestBody"]["content"]) == {
        "multipart/form-data",
        *(f"image/{kind}" for kind in ("png", "jpeg", "webp", "bmp", "gif")),
    }
    for status in ("413", "415", "422"):
        described = operation["responses"][status]["content"]["application/problem+json"]["schema"]
        assert described == ProblemDocument.model_json_schema()


def test_a_client_that_leaves_in_the_middle_leaves_no_trace_in_the_log() -> None:
    with serve() as server:
        with server.connect() as connection:
            connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf")
        assert httpx2.post(f"{server.url}/predict", files={"file": SEVEN}).json()["digit"] == 7
    assert "Traceback" not in "".join(server.log)


def test_fit_finds_a_digit_in_a_larger_picture(client: httpx2.Client, digits: Digits) -> None:
    paper = Image.new("L", (640, 480), 235)
    ink = Image.fromarray(255 - digits.only(7).images[0]).resize((120, 120), Image.Resampling.BICUBIC)
    paper.paste(ink.point(lambda level: level * 235 // 255), (450, 60))
    answer = client.post("/predict", params={"fit": True}, files={"file": png(paper)}).json()
    assert answer["digit"] == 7
    assert answer["confident"] is True
    assert answer["image"] == {"format": "PNG", "width": 640, "height": 480, "inverted": True, "fitted": True}


def test_fit_reads_mnist_as_well_as_without(client: httpx2.Client, digits: Digits) -> None:
    """At most three errors more."""
    errors = {"false": 0, "true": 0}
    for fit, wrong in errors.items():
        for start in range(0, len(digits.labels), 64):
            files = [("files", png(Image.fromarray(image))) for image in digits.images[start : start + 64]]
            entries = client.post("/predict/batch", params={"fit": fit}, files=files).json()["predictions"]
            answers = [entry["prediction"]["digit"] for entry in entries]
            wrong += int((np.array(answers) != digits.labels[start : start + 64]).sum())
        errors[fit] = wrong
    assert errors["true"] <= errors["false"] + 3


def test_a_value_of_fit_that_is_none_is_refused(client: httpx2.Client) -> None:
    assert_problem(
        client.post("/predict", params={"fit": "maybe"}, files={"file": SEVEN}),
        422,
        "validation",
        "A parameter is not valid",
        "query.fit: Input should be a valid boolean, unable to interpret input.",
    )


def test_a_batch_gets_an_answer_for_each_image_in_their_order(client: httpx2.Client) -> None:
    files = [("files", SEVEN), ("files", b"no image"), ("files", THREE), ("files", b"")]
    response = client.post("/predict/batch", files=files)
    assert response.status_code == 200
    first, second, third, fourth = response.json()["predictions"]
    for entry, data in ((first, SEVEN), (third, THREE)):
        single = client.post("/predict", content=data).json()
        assert response.json()["model"] == single.pop("model")
        probabilities = entry["prediction"].pop("probabilities")
        assert probabilities == pytest.approx(single.pop("probabilities"), abs=2e-6)
        assert entry == {"prediction": single, "problem": None}
    for entry in (second, fourth):
        assert entry["prediction"] is None
    assert fourth["problem"]["detail"] == "The file is empty. Send an image."
    assert second["problem"] == {
        "type": "/problems/image-format",
        "title": "The file is not an image of a known format",
        "status": 415,
        "detail": "The file is not a PNG, JPEG, WebP, BMP or GIF image. Send one of these formats.",
        "instance": "/predict/batch",
        "request_id": response.headers["x-request-id"],
    }


def test_a_batch_of_bad_images_alone_is_answered(client: httpx2.Client) -> None:
    (entry,) = client.post("/predict/batch", files=[("files", b"junk")]).json()["predictions"]
    assert entry["problem"]["status"] == 415


@pytest.mark.parametrize("count", [65, 81])
def test_a_batch_over_the_limit_is_refused(client: httpx2.Client, count: int) -> None:
    assert_problem(
        client.post("/predict/batch", files=[("files", SEVEN)] * count),
        422,
        "batch-too-large",
        "The request holds too many images",
        "The form has more than 64 images. Send them in several requests.",
    )


def test_a_batch_that_is_no_form_or_in_another_field_is_refused(client: httpx2.Client) -> None:
    detail = 'The body is no form. Send a multipart form with each image in a field "files".'
    assert_problem(client.post("/predict/batch", content=SEVEN), *MISSING, detail)
    detail = 'The form has "file". Send each image in a field "files".'
    assert_problem(client.post("/predict/batch", files={"file": SEVEN}), *MISSING, detail)


def test_explain_draws_what_the_network_saw(client: httpx2.Client, digits: Digits) -> None:
    ink = digits.only(3).images[0]
    response = client.post("/explain", files={"file": png(Image.fromarray(255 - ink))})
    assert response.headers["content-type"] == "image/png"
    picture = np.asarray(Image.open(io.BytesIO(response.content)).convert("RGB"))
    assert picture.shape == (280, 280, 3)
    small = picture[5::10, 5::10].astype(int)
    assert ((small.max(axis=2) > 0) == (ink > 0)).mean() > 0.99
    orange, blue = (small[..., 0] - small[..., 2] > 30).sum(), (small[..., 2] - small[..., 0] > 30).sum()
    assert orange > 10
    assert orange + blue < (ink > 0).sum()


def test_explain_refuses_what_predict_refuses(client: httpx2.Client) -> None:
    response = client.post("/explain", files={"file": b"junk"})
    assert response.status_code == 415
    assert response.headers["content-type"] == "application/problem+json"
