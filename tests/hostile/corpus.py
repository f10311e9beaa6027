"""Files that are made to break decoders, and files that are merely odd."""

import random
import struct
import zlib
from collections.abc import Iterator

from PIL import Image, ImageCms, ImageDraw
from PIL.PngImagePlugin import PngInfo

from tests.conftest import encode

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP")


def drawing(mode: str = "L", size: tuple[int, int] = (28, 28)) -> Image.Image:
    """A seven."""
    image = Image.new("L", size)
    width, height = size
    corners = [(width * x // 100, height * y // 100) for x, y in ((25, 20), (75, 20), (45, 85))]
    ImageDraw.Draw(image).line(corners, 255, max(1, min(size) // 10))
    return image.convert(mode)


def chunk(name: bytes, data: bytes) -> bytes:
    """One chunk of a PNG, with its checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, pixels: bytes, depth: int = 8, color: int = 0, extra: bytes = b"") -> bytes:
    """A PNG whose header may say what it likes."""
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    body = chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def bombs() -> Iterator[tuple[str, bytes]]:
    """Small files that want to become large."""
    rows = b"\0" * (28 * 29)
    yield "png of 50,000 x 50,000", png(50_000, 50_000, bytes(10_000_000))
    yield "png of 2 billion pixels a side", png(2**31 - 1, 2**31 - 1, b"")
    yield "png with far too many rows", png(28, 28, bytes(50_000_000))
    for name, kind in (("text", b"zTXt"), ("profile", b"iCCP")):
        extra = chunk(kind, b"a\0\0" + zlib.compress(bytes(50_000_000)))
        yield f"png with a {name} of 50 MB", png(28, 28, rows, extra=extra)
    yield "png of 100,000 chunks", png(28, 28, rows, extra=chunk(b"tEXt", b"a\0b") * 100_000)
    yield "png with a chunk of 4 GB", b"\x89PNG\r\n\x1a\n" + b"\xff\xff\xff\xffIHDR"
    gif = bytearray(encode(drawing("P"), "GIF"))
    gif[6:10] = b"\xff\xff\xff\xff"
    yield "gif with a screen of 65,535 x 65,535", bytes(gif)
    gif = bytearray(encode(drawing("P"), "GIF"))
    at = gif.index(b"\x2c", 13)
    gif[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    yield "gif with a frame of 65,535 x 65,535", bytes(gif)
    webp = encode(Image.new("RGBA", (28, 28), (0, 0, 0, 9)), "WEBP", save_all=True, append_images=[drawing("RGBA")])
    at = webp.index(b"VP8X") + 12
    yield "webp with a canvas of 16,777,216 x 16,777,216", webp[:at] + b"\xff" * 6 + webp[at + 6 :]
    yield "webp of 16,383 x 3,000 in a few bytes", encode(Image.new("L", (16_383, 3_000)), "WEBP", method=0)
    for name, size in (("2 billion", 2**31 - 1), ("minus 2 billion", -(2**31))):
        bmp = bytearray(encode(drawing(), "BMP"))
        bmp[18:26] = struct.pack("<ii", 2**31 - 1, size)
        yield f"bmp of {name} rows", bytes(bmp)
    bmp = bytearray(encode(drawing(), "BMP"))
    bmp[30] = 1  # says that what follows is run-length encoded
    yield "bmp with runs that are none", bytes(bmp)
    jpeg = bytearray(encode(drawing(), "JPEG"))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    yield "jpeg of 65,535 x 65,535", bytes(jpeg)
    progressive = encode(drawing("RGB", (64, 64)), "JPEG", progressive=True)
    at = progressive.rindex(b"\xff\xda")
    yield "jpeg of 2,000 scans", progressive[:at] + progressive[at:-2] * 2_000 + b"\xff\xd9"


def liars() -> Iterator[tuple[str, bytes]]:
    """Files whose parts do not agree."""
    rows = b"\0" * (28 * 29)
    yield "png with too few rows", png(28, 28, rows[:100])
    yield "png of no pixels", png(0, 0, b"")
    yield "png with a depth of 7", png(28, 28, rows, depth=7)
    yield "png with a palette that it does not bring", png(28, 28, rows, color=3)
    yield "png with a wrong checksum", png(28, 28, rows).replace(b"IDAT", b"IDAT", 1)[:-20] + b"\0" * 20
    for signature in (b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"RIFF\xff\xff\xff\xffWEBP", b"\xff\xd8\xff"):
        yield f"{signature!r} and nothing more", signature
    bmp = bytearray(encode(drawing(), "BMP"))
    bmp[10:14] = b"\xff\xff\xff\x7f"
    yield "bmp whose pixels lie beyond its end", bytes(bmp)
    bmp[28:30] = b"\x07\x00"
    yield "bmp of 7 bits", bytes(bmp)


def odd() -> Iterator[tuple[str, bytes]]:
    """Files that nobody expects and that are in order."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    info = PngInfo()
    info.add_text("comment", "<script>alert(1)</script>" * 1000)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        yield f"png in mode {mode}", encode(drawing(mode))
    yield "png of 16 bits", encode(drawing("I").convert("I;16"))
    for mode in ("CMYK", "YCbCr", "L"):
        yield f"jpeg in mode {mode}", encode(drawing("RGB").convert(mode), "JPEG")
    yield "png, interlaced", png_interlaced()
    yield "png with a profile", encode(drawing("RGB"), icc_profile=profile)
    yield "jpeg with a broken profile", encode(drawing("RGB"), "JPEG", icc_profile=b"\xff" * 60_000)
    yield "png with a long text", encode(drawing(), pnginfo=info)
    frames = [drawing("RGB"), Image.new("RGB", (28, 28))] * 20
    for kind in ("PNG", "GIF", "WEBP"):
        yield f"{kind} of 40 frames", encode(frames[0], kind, save_all=True, append_images=frames[1:])
    for size in ((1, 1), (1, 28), (28, 1), (1, 5000), (5000, 1), (27, 28), (2, 2)):
        for kind in FORMATS:
            yield f"{kind} of {size[0]} x {size[1]}", encode(drawing("L", size), kind)
    whole = encode(drawing())
    yield "png and a zip", whole + b"PK\x03\x04" + bytes(100) + b"PK\x05\x06" + bytes(18)
    yield "gif that is JavaScript", b"GIF89a/*" + encode(drawing("P"), "GIF")[8:] + b"*/=alert(1)//"
    yield "a tiff", encode(drawing(), "TIFF")
    yield "zeros", bytes(1000)


def damaged(seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Good files of each format, cut off, with flipped bits, with parts left out and doubled."""
    rng = random.Random(seed)  # what is drawn is no secret
    for kind in FORMATS:
        for size in ((28, 28), (200, 120)):
            good = encode(drawing("RGB", size), kind)
            name = f"{kind} of {size[0]} x {size[1]}"
            for share in range(1, 10):
                yield f"{name}, cut off after {share} tenths", good[: len(good) * share // 10]
            for number in range(12):
                bad = bytearray(good)
                for _ in range(1 + number):
                    bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
                yield f"{name}, {number + 1} bits flipped", bytes(bad)
            for number in range(4):
                start, end = sorted(rng.randrange(len(good)) for _ in range(2))
                yield f"{name}, a part left out, {number}", good[:start] + good[end:]
                yield f"{name}, a part doubled, {number}", good[:end] + good[start:]


def corpus() -> dict[str, bytes]:
    """All of them, by name."""
    return {name: data for part in (bombs, liars, odd, damaged) for name, data in part()}


def png_interlaced() -> bytes:
    """Adam7: seven passes, the first of 4 x 4 pixels."""
    passes = [(4, 4), (3, 4), (7, 3), (7, 7), (14, 7), (14, 14), (28, 14)]
    rows = b"".join((b"\0" + b"\xff" * width) * height for width, height in passes)
    head = struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
